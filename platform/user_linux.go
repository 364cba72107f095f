package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"
)

// getentTime bounds a question to a directory server that does not answer.
const getentTime = 5 * time.Second

// foreignUser asks the name services, which libc knows and we do not.
func foreignUser(key string, is func(fields []string) bool) (User, error) {
	text, err := getent("passwd", key)
	if err != nil {
		return User{}, fmt.Errorf("platform: user %q: %w", key, err)
	}
	if u, ok := passwdEntry(text, is); ok {
		return u, nil
	}
	return User{}, user.UnknownUserError(key)
}

// foreignGroups asks them for a user's groups: "name  gid gid ...".
func foreignGroups(name string) []uint32 {
	text, _ := getent("initgroups", name)
	fields := strings.Fields(text)
	var groups []uint32
	for i, f := range fields {
		if gid, err := strconv.ParseUint(f, 10, 32); i > 0 && err == nil {
			groups = append(groups, uint32(gid))
		}
	}
	return groups
}

// getent gives what getent(1) prints, nothing where it finds nothing or is not there itself.
func getent(database, key string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), getentTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "getent", database, "--", key)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrNotFound) {
		return "", nil
	}
	return string(out), err
}
