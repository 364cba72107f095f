//go:build linux

package dropin

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// playbook is what administrators do with it; the last task writes down, on this side, what each host said.
const playbook = `
- hosts: labs
  gather_facts: true
  tasks:
    - name: folder
      file: {path: "{{ there }}/{{ inventory_hostname }}", state: directory, mode: "0750"}
      register: folder
    - name: copy
      copy: {src: "{{ here }}/files/", dest: "{{ there }}/{{ inventory_hostname }}/"}
      register: copied
    - name: copy again
      copy: {src: "{{ here }}/files/", dest: "{{ there }}/{{ inventory_hostname }}/"}
      register: again
    - name: command
      command: {cmd: "cat '系统 找不到 指定的路径.txt'", chdir: "{{ there }}/{{ inventory_hostname }}"}
      register: said
    - name: shell
      shell: "echo out; echo err >&2; exit 3"
      register: failing
      failed_when: failing.rc != 3
    - name: async
      command: sh -c "sleep 0.3; echo later"
      async: 60
      poll: 1
      register: later
    - name: fetch
      fetch: {src: "{{ there }}/{{ inventory_hostname }}/bin", dest: "{{ here }}/fetched/"}
      register: fetched
    - name: results
      delegate_to: localhost
      copy:
        dest: "{{ here }}/said-{{ inventory_hostname }}"
        content: |
          facts {{ ansible_facts.system }} {{ ansible_facts.user_id }} {{ ansible_facts.env.SHELL is defined }}
          folder {{ folder.changed }} {{ folder.mode }}
          copied {{ copied.changed }} {{ again.changed }}
          said {{ said.rc }} {{ said.stdout }} {{ said.stderr }}
          failing {{ failing.rc }} {{ failing.stdout }} {{ failing.stderr }}
          later {{ later.rc }} {{ later.stdout }} {{ later.finished }}
          fetched {{ fetched.changed }} {{ fetched.checksum }}
`

// ansible runs the playbook and gives what each host said.
func (w *world) ansible(t *testing.T, v way, here, there, book string, env ...string) []string {
	t.Helper()
	require.NoError(t, os.MkdirAll(here+"/files/a b/深", 0o755))
	for name, text := range map[string]string{chinese: "你好\n", "bin": string(seeded(1, 100000)), "a b/深/x.sh": "#!/bin/sh\n"} {
		require.NoError(t, os.WriteFile(here+"/files/"+name, []byte(text), 0o644))
	}
	inventory := "[labs]\n"
	for name := range hosts {
		inventory += name + "\n"
	}
	inventory += "[all:vars]\nansible_python_interpreter=/usr/bin/python3\n"
	require.NoError(t, os.WriteFile(here+"/hosts", []byte(inventory), 0o644))
	require.NoError(t, os.WriteFile(here+"/play.yml", []byte(book), 0o644))
	require.NoError(t, os.WriteFile(here+"/ansible.cfg", nil, 0o644))
	env = append([]string{
		"ANSIBLE_CONFIG=" + here + "/ansible.cfg", "ANSIBLE_HOME=" + here + "-ansible", "ANSIBLE_LOCAL_TEMP=" + here + "-ansible/tmp",
		"ANSIBLE_REMOTE_TEMP=" + there + "/.ansible", "ANSIBLE_ASYNC_DIR=" + there + "/.async", "ANSIBLE_SSH_EXECUTABLE=" + v.ssh,
		"ANSIBLE_SFTP_EXTRA_ARGS=-S " + v.ssh, "ANSIBLE_SCP_EXTRA_ARGS=-S " + v.ssh, "ANSIBLE_FORKS=3", "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_SSH_CONTROL_PATH_DIR=" + w.dir + "/cp",
	}, env...)
	recap := w.runEnv(t, v, here, env, "ansible-playbook", "-i", here+"/hosts", "-e", "here="+here, "-e", "there="+there, here+"/play.yml")
	_, recap, found := strings.Cut(recap, "PLAY RECAP")
	require.True(t, found)
	w.endMasters(t, v)
	lines := sortLines(regexp.MustCompile(` +`).ReplaceAllString(recap, " "))
	for name := range hosts {
		assert.Equal(t, sum(t, here+"/files/bin"), sum(t, here+"/fetched/"+name+there+"/"+name+"/bin"), name)
		assert.Equal(t, contents(tree(t, here+"/files", false)), contents(tree(t, there+"/"+name, false)), name)
		lines = append(lines, name, read(t, here+"/said-"+name), tree(t, there+"/"+name, false))
	}
	slices.Sort(lines)
	return lines
}

// contents is a tree without modes, which copy makes its own.
func contents(tree string) []string {
	return sortLines(regexp.MustCompile(`(?m)^\S+ `).ReplaceAllString(tree, ""))
}

// endMasters ends the connections that OpenSSH keeps for a minute because Ansible asks it to.
func (w *world) endMasters(t *testing.T, v way) {
	t.Helper()
	sockets, err := filepath.Glob(w.dir + "/cp/*")
	require.NoError(t, err)
	for _, socket := range sockets {
		w.run(t, v, w.dir, v.ssh, "-q", "-o", "ControlPath="+socket, "-O", "exit", "lab1")
	}
	require.Equal(t, v.name == "openssh", len(sockets) > 0)
}

func TestAnsiblePlaysOnThreeHosts(t *testing.T) {
	w := needTime(t, "ansible-playbook", "python3", "sftp")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		lines := w.ansible(t, v, here, there, playbook, "ANSIBLE_PIPELINING=True")
		for name := range hosts {
			said := read(t, here+"/said-"+name)
			assert.Contains(t, said, "copied True False\nsaid 0 你好 \nfailing 3 out err\nlater 0 later 1\n", name)
		}
		return lines
	})
}

// shortbook is for the way that takes several connections a task.
const shortbook = `
- hosts: labs
  gather_facts: false
  tasks:
    - copy: {src: "{{ here }}/files/", dest: "{{ there }}/{{ inventory_hostname }}/"}
    - command: "cat '{{ there }}/{{ inventory_hostname }}/系统 找不到 指定的路径.txt'"
      register: said
    - fetch: {src: "{{ there }}/{{ inventory_hostname }}/bin", dest: "{{ here }}/fetched/"}
    - delegate_to: localhost
      copy: {dest: "{{ here }}/said-{{ inventory_hostname }}", content: "{{ said.rc }} {{ said.stdout }}"}
`

func TestAnsiblePutsFilesBySftpAndRunsThemInATerminal(t *testing.T) {
	w := needTime(t, "ansible-playbook", "python3", "sftp")
	both(t, w, func(t *testing.T, v way, here, there string) []string {
		lines := w.ansible(t, v, here, there, shortbook, "ANSIBLE_SSH_TRANSFER_METHOD=sftp", "ANSIBLE_PIPELINING=False")
		for name := range hosts {
			assert.Equal(t, "0 你好", read(t, here+"/said-"+name), name)
		}
		return lines
	})
}
