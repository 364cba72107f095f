// Command tool is what the tests have Windows run where cmd.exe has no word for it.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "tool:", err)
		os.Exit(99)
	}
}

func run(verb string, args []string) error {
	switch verb {
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "drip": // a file, a write for each byte
		text, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		for i := range text {
			if _, err := os.Stdout.Write(text[i : i+1]); err != nil {
				return err
			}
			time.Sleep(3 * time.Millisecond)
		}
	case "both": // outputs, so many bytes each
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		done := make(chan error, 2)
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			go func() {
				_, err := f.Write(make([]byte, n))
				done <- err
			}()
		}
		if err := <-done; err != nil {
			return err
		}
		return <-done
	case "words":
		return json.NewEncoder(os.Stdout).Encode(args)
	case "end": // with a code in hex
		n, err := strconv.ParseUint(args[0], 16, 32)
		if err != nil {
			return err
		}
		return syscall.TerminateProcess(^syscall.Handle(0), uint32(n))
	case "sleep": // for a minute; args mark the process
		fmt.Println("sleeping")
		time.Sleep(time.Minute)
	case "tree": // a grandchild that has nothing of ours, and wait
		self, err := os.Executable()
		if err != nil {
			return err
		}
		cmd := exec.Command(self, append([]string{"sleep"}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: 0x8, NoInheritHandles: true} // DETACHED_PROCESS
		if err := cmd.Start(); err != nil {
			return err
		}
		fmt.Println("started")
		return cmd.Wait()
	case "handles": // that a process has
		pid, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil {
			return err
		}
		n, err := handles(uintptr(pid))
		if err != nil {
			return err
		}
		fmt.Println(n)
	case "paint": // on the console
		out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
		if err != nil {
			return err
		}
		for _, word := range args {
			if _, err := fmt.Fprint(out, word); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("no such verb: %q", verb)
	}
	return nil
}

// handles counts a process's handles among all there are: wine knows no other way.
func handles(pid uintptr) (int, error) {
	const extended, tooSmall = 64, 0xC0000004 // SystemExtendedHandleInformation, STATUS_INFO_LENGTH_MISMATCH
	n := 0
	query := syscall.NewLazyDLL("ntdll.dll").NewProc("NtQuerySystemInformation")
	for size := uintptr(1 << 20); ; size *= 2 {
		all := make([]uintptr, size/8)
		status, _, _ := query.Call(extended, uintptr(unsafe.Pointer(&all[0])), size, 0)
		if status == tooSmall && size < 1<<28 {
			continue
		}
		if status != 0 {
			return 0, fmt.Errorf("NtQuerySystemInformation: %#x", status)
		}
		const words, header = 5, 2 // of an entry, whose second is the process
		for i := range all[0] {
			if all[header+words*i+1] == pid {
				n++
			}
		}
		return n, nil
	}
}
