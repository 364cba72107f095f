package platform

import (
	"os"
	"slices"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// create starts a process that does not run yet.
//
// With pipes it inherits three handles and no other, whoever else starts
// something at the same moment. Its console is its own and has no window:
// what one command does to its code page, no other sees, and CTRL_BREAK
// reaches its group alone.
//
// With a terminal it inherits nothing: the console gives it its handles, and
// those of this process must not stand in their place. Its group is the
// console's first, so that ^C reaches it.
func create(file, line string, spec Spec, std [3]windows.Handle, term *terminal) (*windows.ProcessInformation, error) {
	flags := uint32(windows.CREATE_SUSPENDED | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT)
	info := windows.StartupInfoEx{StartupInfo: windows.StartupInfo{
		Cb: uint32(unsafe.Sizeof(windows.StartupInfoEx{})), Flags: windows.STARTF_USESTDHANDLES,
	}}
	attributes, err := windows.NewProcThreadAttributeList(1)
	if err != nil {
		return nil, os.NewSyscallError("InitializeProcThreadAttributeList", err)
	}
	defer attributes.Delete()
	if term != nil {
		console := term.console // the attribute's value is the handle itself, in the place of a pointer
		err = attributes.Update(windows.PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, *(*unsafe.Pointer)(unsafe.Pointer(&console)), unsafe.Sizeof(console))
	} else {
		flags |= windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP
		info.StdInput, info.StdOutput, info.StdErr = std[0], std[1], std[2]
		inherited := new([3]windows.Handle)
		*inherited = std
		err = attributes.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(inherited), unsafe.Sizeof(*inherited))
	}
	if err != nil {
		return nil, os.NewSyscallError("UpdateProcThreadAttribute", err)
	}
	info.ProcThreadAttributeList = attributes.List()
	return createProcess(file, line, spec, flags, term == nil, &info)
}

func createProcess(file, line string, spec Spec, flags uint32, inherit bool, info *windows.StartupInfoEx) (*windows.ProcessInformation, error) {
	app, err := windows.UTF16PtrFromString(file)
	if err != nil {
		return nil, err
	}
	words, err := windows.UTF16PtrFromString(line)
	if err != nil {
		return nil, err
	}
	var dir *uint16
	if spec.Dir != "" {
		if dir, err = windows.UTF16PtrFromString(spec.Dir); err != nil {
			return nil, err
		}
	}
	created := new(windows.ProcessInformation)
	err = windows.CreateProcess(app, words, nil, nil, inherit, flags, environmentBlock(spec.Env), dir, &info.StartupInfo, created)
	if err != nil {
		return nil, os.NewSyscallError("CreateProcess", err)
	}
	return created, nil
}

// environmentBlock is an environment as CreateProcess takes it: sorted, no
// name twice in whatever case, the last one counts.
func environmentBlock(env []string) *uint16 {
	last := map[string]string{}
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[strings.ToUpper(name)] = entry
	}
	names := make([]string, 0, len(last))
	for name := range last {
		names = append(names, name)
	}
	slices.Sort(names)
	var block []uint16
	for _, name := range names {
		block = append(append(block, utf16.Encode([]rune(last[name]))...), 0)
	}
	if len(block) == 0 {
		block = append(block, 0)
	}
	block = append(block, 0)
	return &block[0]
}

// openNull is the null device, to be inherited.
func openNull() (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(os.DevNull)
	if err != nil {
		return 0, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, inheritable(),
		windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return 0, os.NewSyscallError("CreateFile", err)
	}
	return h, nil
}

func inheritable() *windows.SecurityAttributes {
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), InheritHandle: 1}
}
