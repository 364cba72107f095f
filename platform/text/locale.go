package text

import "strings"

// ForLocale is what a C program speaks that is started with env, a list of NAME=VALUE on a Unix system: the locale of
// LC_ALL, else LC_CTYPE, else LANG, of which an empty one counts as not set (POSIX, XBD 8.2). The charset stands behind
// the dot, or is the one that the C library has for the name. No locale, C and POSIX count as UTF-8: such a program
// passes bytes on. A charset that is not known here is given as it was found.
func ForLocale(env []string) string {
	locale := ""
	for _, name := range []string{"LANG", "LC_CTYPE", "LC_ALL"} {
		if value := last(env, name); value != "" {
			locale = value
		}
	}
	locale, modifier, modified := strings.Cut(locale, "@")
	name, charset, dotted := strings.Cut(locale, ".")
	if !dotted && modified {
		charset = glibcCharset(name + "@" + modifier)
	}
	if !dotted && charset == "" {
		charset = glibcCharset(name)
	}
	if charset == "" {
		return UTF8
	}
	if c, ok := canonical(charset); ok && c != Auto && c != Raw {
		return c
	}
	return strings.ToLower(charset)
}

// last is the value of env's last entry of that name, which is the one that counts.
func last(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// glibcCharset is the charset of a locale whose name has none, as GNU libc has it in localedata/SUPPORTED; empty: UTF-8.
// Other C libraries know UTF-8 only, or have names without a charset for the same ones.
func glibcCharset(locale string) string {
	for _, c := range glibcCharsets {
		for name := range strings.FieldsSeq(c.locales) {
			if name == locale {
				return c.charset
			}
		}
	}
	return ""
}

var glibcCharsets = []struct{ charset, locales string }{
	{"gbk", "zh_CN zh_SG"},
	{"big5", "zh_TW zh_HK"},
	{"euc-jp", "ja_JP"},
	{"euc-kr", "ko_KR"},
	{"cp874", "th_TH"},
	{"iso-8859-5", "ru_RU mk_MK"},
	{"koi8-u", "ru_UA uk_UA"},
	{"cp1251", "be_BY bg_BG"},
	{"cp1255", "yi_US"},
	{"iso-8859-2", "bs_BA cs_CZ hr_HR hsb_DE hu_HU pl_PL ro_RO sk_SK sl_SI"},
	{"iso-8859-3", "mt_MT"},
	{"iso-8859-6", "ar_AE ar_BH ar_DZ ar_EG ar_IQ ar_JO ar_KW ar_LB ar_LY ar_MA ar_OM ar_QA ar_SA ar_SD ar_SY ar_TN ar_YE"},
	{"iso-8859-7", "el_GR el_GR@euro el_CY"},
	{"iso-8859-8", "he_IL"},
	{"iso-8859-9", "ku_TR tr_CY tr_TR"},
	{"iso-8859-10", "lg_UG"},
	{"iso-8859-13", "lt_LT lv_LV mi_NZ"},
	{"iso-8859-14", "cy_GB"},
	{"iso-8859-15", "an_ES ast_ES br_FR@euro ca_AD ca_ES@euro ca_FR ca_IT de_AT@euro de_BE@euro de_DE@euro de_LU@euro en_IE@euro " +
		"es_ES@euro eu_ES@euro eu_FR@euro fi_FI@euro fr_BE@euro fr_FR@euro fr_LU@euro ga_IE@euro gd_GB gl_ES@euro it_IT@euro " +
		"mg_MG nl_BE@euro nl_NL@euro pt_PT@euro sv_FI@euro wa_BE@euro"},
	{"iso-8859-1", "aa_DJ af_ZA br_FR ca_ES da_DK de_AT de_BE de_CH de_DE de_IT de_LU en_AU en_BW en_CA en_DK en_GB en_HK en_IE " +
		"en_NZ en_PH en_SG en_US en_ZA en_ZW es_AR es_BO es_CL es_CO es_CR es_DO es_EC es_ES es_GT es_HN es_MX es_NI es_PA " +
		"es_PE es_PR es_PY es_SV es_US es_UY es_VE et_EE eu_ES eu_FR fi_FI fo_FO fr_BE fr_CA fr_CH fr_FR fr_LU ga_IE gl_ES " +
		"gv_GB id_ID is_IS it_CH it_IT kl_GL kw_GB ms_MY nb_NO nl_BE nl_NL nn_NO oc_FR om_KE pt_BR pt_PT so_DJ so_KE so_SO " +
		"sq_AL st_ZA sv_FI sv_SE tl_PH uz_UZ wa_BE xh_ZA zu_ZA"},
	{"pt154", "kk_KZ"}, {"koi8-t", "tg_TJ"}, {"georgian-ps", "ka_GE"},
}
