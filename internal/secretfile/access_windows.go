package secretfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// access is who but this process's user, the system and administrators has
// something to say about a file: names, empty where nobody has.
type access struct {
	owner string
	read  string
	write string // its bytes, its access list, or its name
}

const (
	readRights  = windows.FILE_READ_DATA | windows.GENERIC_READ | windows.GENERIC_ALL
	writeRights = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
		windows.GENERIC_WRITE | windows.GENERIC_ALL
	deleteChild = 0x40 // FILE_DELETE_CHILD, of a folder: remove what is in it
)

// accessOf reads an open file's access list; the file system must have one.
func accessOf(f *os.File, folder bool) (access, error) {
	h := windows.Handle(f.Fd())
	sd, err := windows.GetSecurityInfo(h, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return access{}, os.NewSyscallError("GetSecurityInfo", err)
	}
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return access{}, os.NewSyscallError("GetTokenInformation", err)
	}
	var a access
	owner, _, err := sd.Owner()
	if err != nil || owner == nil {
		return access{}, fmt.Errorf("the owner of %s is not known: %w", f.Name(), err)
	}
	if !trustedAccount(owner, me.User.Sid) {
		a.owner = accountName(owner)
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil { // none at all lets everybody do everything
		a.read, a.write = "everybody", "everybody"
		return a, nil
	}
	changes := windows.ACCESS_MASK(writeRights)
	if folder {
		changes |= deleteChild
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return access{}, os.NewSyscallError("GetAce", err)
		}
		who := granted(entry)
		if who == nil || trustedAccount(who, me.User.Sid) {
			continue
		}
		if entry.Mask&readRights != 0 && a.read == "" {
			a.read = accountName(who)
		}
		if entry.Mask&changes != 0 && a.write == "" {
			a.write = accountName(who)
		}
	}
	return a, nil
}

// granted is whom an entry of an access list lets do something now; nil:
// nobody. Whether a condition holds is not asked.
func granted(entry *windows.ACCESS_ALLOWED_ACE) *windows.SID {
	const (
		inheritOnly             = 0x8
		allowed                 = 0x0
		allowedCallback         = 0x9
		allowedObject           = 0x5
		allowedCallbackObject   = 0xb
		objectTypePresent       = 0x1
		inheritedObjectPresent  = 0x2
		guid                    = 16
		sizeOfFlagsOfObjectAces = 4
	)
	if entry.Header.AceFlags&inheritOnly != 0 {
		return nil
	}
	start := unsafe.Pointer(&entry.SidStart)
	switch entry.Header.AceType {
	case allowed, allowedCallback:
		return (*windows.SID)(start)
	case allowedObject, allowedCallbackObject:
		at := uintptr(sizeOfFlagsOfObjectAces)
		if entry.SidStart&objectTypePresent != 0 {
			at += guid
		}
		if entry.SidStart&inheritedObjectPresent != 0 {
			at += guid
		}
		return (*windows.SID)(unsafe.Add(start, at))
	}
	return nil
}

// trustedInstaller is the part of the system that may change its programs.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// trustedAccount reports whether an account may do what it likes with our
// files: we, the system and administrators can anyway. The rights of an owner
// are judged by who that is, and an app container has none that its user
// has not.
func trustedAccount(who, me *windows.SID) bool {
	switch text := who.String(); text {
	case "S-1-5-18", "S-1-5-32-544", trustedInstaller, "S-1-3-0", "S-1-3-4": // SYSTEM, Administrators; CREATOR OWNER, OWNER RIGHTS
		return true
	default:
		return who.Equals(me) || strings.HasPrefix(text, "S-1-15-")
	}
}

func accountName(who *windows.SID) string {
	name, domain, _, err := who.LookupAccount("")
	switch {
	case err != nil:
		return who.String()
	case domain == "":
		return name
	}
	return domain + `\` + name
}

// hasAccessLists reports whether the file system of an open file has any:
// FAT and many network shares have none.
func hasAccessLists(f *os.File) (yes bool, fileSystem string, err error) {
	name := make([]uint16, windows.MAX_PATH+1)
	var flags uint32
	err = windows.GetVolumeInformationByHandle(windows.Handle(f.Fd()), nil, 0, nil, nil, &flags, &name[0], uint32(len(name)))
	if err != nil {
		return false, "", os.NewSyscallError("GetVolumeInformationByHandle", err)
	}
	return flags&windows.FILE_PERSISTENT_ACLS != 0, windows.UTF16ToString(name), nil
}

// Unprotected names the file system of a folder that cannot keep others away
// from what is in it; empty: it can.
func Unprotected(folder string) (fileSystem string, err error) {
	f, err := os.Open(folder)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if yes, fileSystem, err := hasAccessLists(f); err != nil || !yes {
		return fileSystem, err
	}
	return "", nil
}

// CheckChange refuses, with a *Refused, an open file that others may change,
// whoever may read it.
func CheckChange(f *os.File) error {
	about, err := inspect(f)
	if err != nil {
		return err
	}
	about.access.read = ""
	return about.access.judge(f.Name())
}

// privately is the access list of a new file or folder: all for the system
// and administrators, and for this process's user unless it is where programs
// keep what belongs to the machine.
func privately(path string, folder bool) (*windows.SecurityAttributes, error) {
	inherit := ""
	if folder {
		inherit = "OICI"
	}
	text := fmt.Sprintf("D:P(A;%s;FA;;;SY)(A;%s;FA;;;BA)", inherit, inherit)
	if machine, err := machines(path); err != nil {
		return nil, err
	} else if machine {
		text = "O:BA" + text
	} else {
		me, err := windows.GetCurrentProcessToken().GetTokenUser()
		if err != nil {
			return nil, os.NewSyscallError("GetTokenInformation", err)
		}
		text += fmt.Sprintf("(A;%s;FA;;;%s)", inherit, me.User.Sid)
	}
	sd, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		return nil, err
	}
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}, nil
}

// machines reports whether path is in %ProgramData%.
func machines(path string) (bool, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return false, err
	}
	shared, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		return false, os.NewSyscallError("SHGetKnownFolderPath", err)
	}
	return len(full) > len(shared) && strings.EqualFold(full[:len(shared)], shared) && full[len(shared)] == '\\', nil
}
