package platform

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// getentTime bounds a question to a directory server that does not answer.
const getentTime = 5 * time.Second

// foreignUser asks the name services, which libc knows and we do not.
func foreignUser(key string, is func(fields []string) bool) (User, bool) {
	return passwdEntry(getent("passwd", key), is)
}

// foreignGroups asks them for a user's groups: "name  gid gid ...".
func foreignGroups(name string) []uint32 {
	fields := strings.Fields(getent("initgroups", name))
	var groups []uint32
	for i, f := range fields {
		if gid, err := strconv.ParseUint(f, 10, 32); i > 0 && err == nil {
			groups = append(groups, uint32(gid))
		}
	}
	return groups
}

func getent(database, key string) string {
	ctx, cancel := context.WithTimeout(context.Background(), getentTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "getent", database, "--", key)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(out)
}
