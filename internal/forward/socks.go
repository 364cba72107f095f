package forward

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// socksTime bounds how long a client may take to say where it wants to go.
const socksTime = 30 * time.Second

// ErrNotAllowed is in the error of a Dial that policy refused; SOCKS has a word for it.
var ErrNotAllowed = errors.New("not allowed")

// socks reads a request (RFC 1928 without authentication; SOCKS 4 and 4a) and gives the address and how to answer.
func socks(c net.Conn) (address string, reply func(error) error, err error) {
	if err := c.SetDeadline(time.Now().Add(socksTime)); err != nil {
		return "", nil, err
	}
	var version [1]byte
	if _, err := io.ReadFull(c, version[:]); err != nil {
		return "", nil, fmt.Errorf("SOCKS: %w", err)
	}
	switch version[0] {
	case 4:
		address, reply, err = socks4(c)
	case 5:
		address, reply, err = socks5(c)
	default:
		err = fmt.Errorf("version %d", version[0])
	}
	if err != nil {
		return "", nil, fmt.Errorf("SOCKS: %w", err)
	}
	return address, reply, c.SetDeadline(time.Time{})
}

func socks5(c net.Conn) (address string, reply func(error) error, err error) {
	methods, err := counted(c)
	if err != nil {
		return "", nil, err
	}
	if bytes.IndexByte(methods, 0) < 0 {
		_, _ = c.Write([]byte{5, 0xff})
		return "", nil, errors.New("the client insists on authentication, and there is none")
	}
	if _, err := c.Write([]byte{5, 0}); err != nil {
		return "", nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return "", nil, err
	}
	answer := func(code byte) error {
		_, err := c.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0})
		return err
	}
	const connect, commandNotSupported, addressNotSupported = 1, 7, 8
	if head[0] != 5 || head[1] != connect {
		_ = answer(commandNotSupported)
		return "", nil, fmt.Errorf("command %d of version %d, only CONNECT is known", head[1], head[0])
	}
	var host string
	switch head[3] {
	case 1:
		host, err = ip(c, 4)
	case 3:
		var name []byte
		name, err = counted(c)
		host = string(name)
	case 4:
		host, err = ip(c, 16)
	default:
		_ = answer(addressNotSupported)
		return "", nil, fmt.Errorf("address of kind %d", head[3])
	}
	if err != nil {
		return "", nil, err
	}
	var port [2]byte
	if _, err := io.ReadFull(c, port[:]); err != nil {
		return "", nil, err
	}
	if address, err = join(host, port); err != nil {
		_ = answer(addressNotSupported)
		return "", nil, err
	}
	return address, func(err error) error {
		const granted, notAllowed, refused = 0, 2, 5
		switch {
		case err == nil:
			return answer(granted)
		case errors.Is(err, ErrNotAllowed):
			return answer(notAllowed)
		}
		return answer(refused)
	}, nil
}

func socks4(c net.Conn) (string, func(error) error, error) {
	var head [7]byte // command, port, address
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return "", nil, err
	}
	if _, err := text(c); err != nil { // the user's name, which nobody asked for
		return "", nil, err
	}
	answer := func(code byte) error {
		_, err := c.Write([]byte{0, code, 0, 0, 0, 0, 0, 0})
		return err
	}
	const granted, rejected = 90, 91
	if head[0] != 1 {
		_ = answer(rejected)
		return "", nil, fmt.Errorf("command %d, only CONNECT is known", head[0])
	}
	host := netip.AddrFrom4([4]byte(head[3:])).String()
	if head[3] == 0 && head[4] == 0 && head[5] == 0 && head[6] != 0 { // 4a
		var err error
		if host, err = text(c); err != nil {
			return "", nil, err
		}
	}
	address, err := join(host, [2]byte(head[1:3]))
	if err != nil {
		_ = answer(rejected)
		return "", nil, err
	}
	return address, func(err error) error {
		if err != nil {
			return answer(rejected)
		}
		return answer(granted)
	}, nil
}

// counted is bytes behind their number.
func counted(r io.Reader) ([]byte, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, n[0])
	_, err := io.ReadFull(r, b)
	return b, err
}

// text is bytes up to a NUL. They are read one by one: what follows is not ours.
func text(r io.Reader) (string, error) {
	const most = 255
	var b [1]byte
	var s []byte
	for len(s) <= most {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if b[0] == 0 {
			return string(s), nil
		}
		s = append(s, b[0])
	}
	return "", fmt.Errorf("a text of more than %d bytes", most)
}

func ip(r io.Reader, size int) (string, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	a, _ := netip.AddrFromSlice(b)
	return a.Unmap().String(), nil
}

// join refuses what is no name: the address would be read as another one.
func join(host string, port [2]byte) (string, error) {
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune("[]%/", r) }) {
		return "", fmt.Errorf("%q is no host", host)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port[:])))), nil
}
