package sshopt

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestForwardsSayWhereToListenAndWhereToGo(t *testing.T) {
	both := func(port string) []string { return []string{"127.0.0.1:" + port, "[::1]:" + port} }
	for _, test := range []struct {
		args []string
		want Listen
	}{
		{[]string{"-L", "8080:db:5432"}, Listen{both("8080"), "db:5432", "-L 8080:db:5432"}},
		{[]string{"-L8080:[2001:db8::1]:80"}, Listen{both("8080"), "[2001:db8::1]:80", "-L 8080:[2001:db8::1]:80"}},
		{[]string{"-L", "localhost:8080:db:5432"}, Listen{both("8080"), "db:5432", "-L localhost:8080:db:5432"}},
		{[]string{"-L", "*:8080:db:5432"}, Listen{[]string{":8080"}, "db:5432", "-L *:8080:db:5432"}},
		{[]string{"-L", ":8080:db:5432"}, Listen{[]string{":8080"}, "db:5432", "-L :8080:db:5432"}},
		{[]string{"-g", "-L", "8080:db:5432"}, Listen{[]string{":8080"}, "db:5432", "-L 8080:db:5432"}},
		{[]string{"-g", "-L", "10.0.0.1:8080:db:5432"}, Listen{[]string{"10.0.0.1:8080"}, "db:5432", "-L 10.0.0.1:8080:db:5432"}},
		{[]string{"-L", "[::1]:8080:db:5432"}, Listen{[]string{"[::1]:8080"}, "db:5432", "-L [::1]:8080:db:5432"}},
		{[]string{"-oLocalForward=8080 db:5432"}, Listen{both("8080"), "db:5432", "-o LocalForward 8080:db:5432"}},
		{[]string{"-oLocalForward=[::1]:80 b:81"}, Listen{[]string{"[::1]:80"}, "b:81", "-o LocalForward [::1]:80:b:81"}},
		{[]string{"-D", "1080"}, Listen{both("1080"), "", "-D 1080"}},
		{[]string{"-D", "*:1080"}, Listen{[]string{":1080"}, "", "-D *:1080"}},
		{[]string{"-o", "DynamicForward=[::1]:1080"}, Listen{[]string{"[::1]:1080"}, "", "-o DynamicForward [::1]:1080"}},
	} {
		assert.Equal(t, []Listen{test.want}, read(t, append(test.args, "h")...).Listens, "%q", test.args)
	}
	assert.Empty(t, read(t, "-L", "1:a:2", "-D", "3", "-o", "ClearAllForwardings=yes", "h").Listens)
	assert.Empty(t, read(t, "-R", "1:a:2", "h").Listens)
}

func TestForwardsThatMakeNoSenseAreRefused(t *testing.T) {
	for spec, says := range map[string]string{
		"8080":             `option -L: "8080" is not [bind:]port:host:hostport`,
		"8080:db":          `option -L: "8080:db" is not [bind:]port:host:hostport`,
		"1:2:3:4:5":        `option -L: "1:2:3:4:5" is not [bind:]port:host:hostport`,
		"0:db:1":           `option -L: "0" is no port, 1 to 65535`,
		"80:db:http":       `option -L: "http" is no port, 1 to 65535`,
		"80::1":            `option -L: the name of the host is empty; see rexec help`,
		"80:-x:1":          `option -L: "-x" is no host: it begins with a dash`,
		"/run/s:db:1":      `option -L: "/run/s:db:1": sockets with a path are not forwarded, only TCP`,
		"80:/run/s":        `option -L: "80:/run/s": sockets with a path are not forwarded, only TCP`,
		"[::1:80:db:1":     `option -L: "[::1:80:db:1": the brackets do not match`,
		"[::1]80:db:1":     `option -L: "[::1]80:db:1": the brackets do not match`,
		"80:[2001::db8]:x": `option -L: "x" is no port, 1 to 65535`,
	} {
		assert.Equal(t, says, refused(t, "-L", spec, "h"))
	}
	assert.Equal(t, `option -D: "a:b:1" is not [bind:]port`, refused(t, "-D", "a:b:1", "h"))
}
