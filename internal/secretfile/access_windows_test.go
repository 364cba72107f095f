package secretfile

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// folder is a test's own. testing's cannot be removed everywhere: wine does
// not have the call that os.RemoveAll makes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "secretfile")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, removeAll(dir)) })
	return dir
}

func removeAll(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return os.Remove(path)
	}
	for _, e := range entries {
		if err := removeAll(filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return os.Remove(path)
}

// give puts an access list and perhaps an owner on a file.
func give(t *testing.T, path, text string) {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString(text)
	require.NoError(t, err)
	list, _, err := sd.DACL()
	require.NoError(t, err)
	require.NoError(t, windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil))
}

func TestSem49_WhatIsMadeIsClosedToOthers(t *testing.T) {
	dir := filepath.Join(folder(t), "a", "b")
	require.NoError(t, MkdirPrivate(dir))
	path := filepath.Join(dir, "ring")
	require.NoError(t, Create(path, []byte("one")))
	require.NoError(t, createHere(filepath.Join(dir, "here"), []byte("two")))
	require.NoError(t, Write(path, []byte("three")))
	unlock, err := Lock(path)
	require.NoError(t, err)
	unlock()
	for _, name := range []string{path, filepath.Join(dir, "here"), path + ".lock"} {
		_, err := Read(name, 10)
		assert.NoError(t, err)
	}
}

func TestSem49_AFileThatOthersMayReadOrChangeIsRefused(t *testing.T) {
	path := filepath.Join(folder(t), "my ring")
	require.NoError(t, Write(path, []byte("x")))
	give(t, path, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)")
	_, err := Read(path, 10)
	var no *Refused
	require.ErrorAs(t, err, &no)
	assert.Contains(t, no.Reason, "may be changed by ")
	assert.Equal(t, `icacls "`+path+`" /inheritance:r /grant:r *S-1-5-18:F *S-1-5-32-544:F "%USERNAME%:F"`, no.Remedy)
	give(t, path, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;WD)")
	_, err = Read(path, 10)
	require.ErrorAs(t, err, &no)
	assert.Contains(t, no.Reason, "may be read by ")

	f, err := os.Open(path)
	require.NoError(t, err)
	assert.NoError(t, CheckChange(f), "whoever may read it")
	require.NoError(t, f.Close())

	require.NoError(t, Write(path, []byte("y")), "a replacement is closed again")
	_, err = Read(path, 10)
	assert.NoError(t, err)
}

func TestAFolderThatOthersMayWriteToIsRefused(t *testing.T) {
	dir := filepath.Join(folder(t), "d")
	require.NoError(t, MkdirPrivate(dir))
	give(t, dir, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FR;;;WD)")
	require.NoError(t, MkdirPrivate(dir), "who may only look cannot replace")
	give(t, dir, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;WD)")
	assert.ErrorContains(t, MkdirPrivate(dir), " may replace what is in it: icacls ")
}

// entry is an access list's only one, as SDDL has it.
func entry(t *testing.T, text string) *windows.ACCESS_ALLOWED_ACE {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString("D:" + text)
	require.NoError(t, err)
	list, _, err := sd.DACL()
	require.NoError(t, err)
	var ace *windows.ACCESS_ALLOWED_ACE
	require.NoError(t, windows.GetAce(list, 0, &ace))
	return ace
}

func TestWhomAnEntryGrantsSomething(t *testing.T) {
	for text, want := range map[string]string{
		"(A;;FA;;;WD)":       "S-1-1-0",
		"(A;OICIID;FR;;;BU)": "S-1-5-32-545",
		"(A;OICIIO;FA;;;WD)": "", // for what will be in the folder
		"(D;;FA;;;WD)":       "",
	} {
		who := granted(entry(t, text))
		if want == "" {
			assert.Nil(t, who, text)
		} else if assert.NotNil(t, who, text) {
			assert.Equal(t, want, who.String())
		}
	}
	everyone := entry(t, "(A;;FA;;;WD)")
	object := make([]byte, 64) // as (OA;;FA;...), whose account stands behind a type
	*(*windows.ACCESS_ALLOWED_ACE)(unsafe.Pointer(&object[0])) = *everyone
	object[0] = 5
	object[8] = 1
	copy(object[8+4+16:], unsafe.Slice((*byte)(unsafe.Pointer(&everyone.SidStart)), 12))
	assert.Equal(t, "S-1-1-0", granted((*windows.ACCESS_ALLOWED_ACE)(unsafe.Pointer(&object[0]))).String())
}

func TestWhoIsTrusted(t *testing.T) {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	require.NoError(t, err)
	for text, want := range map[string]bool{
		"S-1-5-18": true, "S-1-5-32-544": true, "S-1-3-4": true, trustedInstaller: true, "S-1-15-2-1": true, me.User.Sid.String(): true,
		"S-1-1-0": false, "S-1-5-32-545": false, "S-1-5-11": false, "S-1-5-21-1-2-3-1001": false,
	} {
		sid, err := windows.StringToSid(text)
		require.NoError(t, err)
		assert.Equal(t, want, trustedAccount(sid, me.User.Sid), text)
	}
}

func TestWhatBelongsToTheMachineIsAdministratorsAlone(t *testing.T) {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	require.NoError(t, err)
	for path, want := range map[string]bool{
		data + `\rexec`: true, data + `\rexec\run`: true, data + `x\rexec`: false, data: false, os.TempDir(): false,
	} {
		is, err := machines(path)
		require.NoError(t, err)
		assert.Equal(t, want, is, path)
	}
	sa, err := privately(data+`\rexec`, true)
	require.NoError(t, err)
	assert.Equal(t, "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", sa.SecurityDescriptor.String())
}

func TestPathsOfWindowsCanBePasted(t *testing.T) {
	for path, want := range map[string]string{
		`C:\ProgramData\rexec\host.key`: `C:\ProgramData\rexec\host.key`,
		`C:\Users\张 三\ring`:             `"C:\Users\张 三\ring"`,
		"C:\\a\x1bb":                    `"C:\\a\x1bb"`,
		"":                              `""`,
	} {
		assert.Equal(t, want, shown(path))
	}
}
