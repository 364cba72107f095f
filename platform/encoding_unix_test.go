//go:build unix

package platform

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSem38_ACommandSpeaksItsOwnLocaleAndNotTheDaemons(t *testing.T) {
	t.Setenv("LC_ALL", "zh_TW.Big5")
	assert.Equal(t, "gbk", Spec{Env: []string{"LANG=zh_CN.GBK"}}.Encoding())
	assert.Equal(t, "utf-8", Spec{Env: []string{"LANG=zh_CN.GBK", "LC_ALL=C"}}.Encoding())
	assert.Equal(t, "utf-8", Spec{}.Encoding())
}
