package text

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCodePagesHaveNamesThatAreKnown(t *testing.T) {
	for page, want := range map[uint32]string{
		936: "gbk", 54936: "gb18030", 950: "big5", 932: "shift_jis", 949: "euc-kr", 866: "cp866", 437: "cp437", 850: "cp850", 852: "cp852",
		855: "cp855", 857: "cp857", 858: "cp858", 860: "cp860", 861: "cp861", 862: "cp862", 863: "cp863", 864: "cp864", 865: "cp865",
		869: "cp869", 874: "cp874", 1250: "cp1250", 1258: "cp1258", 65001: "utf-8", 20936: "gbk", 28591: "iso-8859-1", 28605: "iso-8859-15",
		20866: "koi8-r", 51932: "euc-jp", 51949: "euc-kr", 10000: "macintosh",
	} {
		name, ok := ForCodePage(page)
		assert.True(t, ok, page)
		assert.Equal(t, want, name, page)
	}
	for _, page := range []uint32{0, 1, 37, 500, 1200, 1201, 1361, 50220, 52936, 65000, 1 << 31} {
		_, ok := ForCodePage(page)
		assert.False(t, ok, page)
	}
	for _, c := range codePages {
		_, err := Lookup(c.name)
		require.NoError(t, err, c.name)
	}
	for _, page := range numbered {
		name, _ := ForCodePage(page)
		e, err := Lookup(name)
		require.NoError(t, err, name)
		assert.False(t, e.Identity(), name)
	}
}

func TestSem38_NamesAreReadAsPeopleWriteThem(t *testing.T) {
	for name, want := range map[string]string{
		"auto": "auto", "RAW": "raw", "utf-8": "utf-8", "UTF8": "utf-8", "gbk": "gbk", "GB2312": "gbk", "gb18030": "gb18030", "Big5": "big5",
		"BIG5-HKSCS": "big5", "shift_jis": "shift_jis", "Shift-JIS": "shift_jis", "sjis": "shift_jis", "euc-kr": "euc-kr", "eucKR": "euc-kr",
		"euc-jp": "euc-jp", "cp936": "gbk", "CP 936": "gbk", "936": "gbk", "cp1252": "cp1252", "windows-1252": "cp1252", "IBM437": "cp437",
		"cp65001": "utf-8", "ISO-8859-1": "iso-8859-1", "iso8859-15": "iso-8859-15", "iso_8859-11": "cp874", "latin1": "iso-8859-1",
		"KOI8-R": "koi8-r", "TIS-620": "cp874", "ANSI_X3.4-1968": "utf-8", "ms936": "gbk",
	} {
		got, err := Canonical(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
		again, err := Canonical(got)
		require.NoError(t, err)
		assert.Equal(t, got, again, "a canonical name is its own")
	}
	for _, name := range []string{"", "gbkk", "cp", "cp0", "cp9999", "iso-8859-0", "iso-8859-12", "iso-8859-17", "iso-8859-", "iso-8859-01", "cp99999999999", "utf-16", "hz"} {
		_, err := Canonical(name)
		assert.Error(t, err, name)
	}
	for alias, want := range aliases {
		assert.Equal(t, alias, plain(alias), "or it is never found")
		if want != Auto {
			_, err := Lookup(want)
			assert.NoError(t, err, alias)
		}
	}
}

func TestSem38_ALocaleSaysWhatAProgramSpeaks(t *testing.T) {
	for _, c := range []struct {
		want string
		env  []string
	}{
		{"utf-8", nil},
		{"utf-8", []string{"LANG="}},
		{"utf-8", []string{"LANG=C"}},
		{"utf-8", []string{"LANG=POSIX"}},
		{"utf-8", []string{"LC_ALL=C", "LANG=zh_CN.GBK"}},
		{"utf-8", []string{"LANG=zh_CN.UTF-8"}},
		{"utf-8", []string{"LANG=C.utf8"}},
		{"gbk", []string{"LANG=zh_CN.GBK"}},
		{"gbk", []string{"LANG=zh_CN.gb2312"}},
		{"gb18030", []string{"LANG=zh_CN.GB18030"}},
		{"gbk", []string{"LANG=zh_CN"}},
		{"gbk", []string{"LANG=zh_CN.GBK@pinyin"}},
		{"big5", []string{"LANG=zh_TW.Big5"}},
		{"big5", []string{"LANG=zh_TW"}},
		{"euc-jp", []string{"LANG=ja_JP.eucJP"}},
		{"euc-kr", []string{"LANG=ko_KR"}},
		{"gbk", []string{"LC_CTYPE=zh_CN.GBK", "LANG=en_US.UTF-8"}},
		{"utf-8", []string{"LC_ALL=en_US.UTF-8", "LC_CTYPE=zh_CN.GBK", "LANG=zh_CN.GBK"}},
		{"gbk", []string{"LC_ALL=", "LC_CTYPE=", "LANG=zh_CN.GBK"}},
		{"gbk", []string{"LANG=C", "LANG=zh_CN.GBK"}},
		{"utf-8", []string{"LC_MESSAGES=zh_CN.GBK"}},
		{"iso-8859-1", []string{"LANG=de_DE"}},
		{"iso-8859-15", []string{"LANG=de_DE@euro"}},
		{"cp1251", []string{"LANG=bg_BG"}},
		{"utf-8", []string{"LANG=sr_RS@latin"}},
		{"utf-8", []string{"LANG=hi_IN"}},
		{"koi8-t", []string{"LANG=tg_TJ.KOI8-T"}},
		{"auto", []string{"LANG=zh_CN.auto"}},
	} {
		assert.Equal(t, c.want, ForLocale(c.env), "%q", c.env)
	}
	for _, c := range glibcCharsets {
		if got, ok := canonical(c.charset); ok {
			assert.Equal(t, got, c.charset)
		}
	}
}
