package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALineIsThereWhenWriteReturns(t *testing.T) {
	for _, o := range []Options{{}, {Mode: Strict, Sync: true}, {Mode: Loose}} {
		l, path := logAt(t, o)
		before := time.Now().UTC()
		require.NoError(t, l.Write(run("ls")))
		all := linesOf(t, path)
		require.Len(t, all, 1)
		p := parse(t, all[0])
		assert.Equal(t, "ls", p.Line)
		when, err := time.Parse(time.RFC3339Nano, p.Time)
		require.NoError(t, err)
		assert.WithinRange(t, when, before.Truncate(0), time.Now().UTC())
		assert.Equal(t, len("2026-03-04T04:06:07.000000080Z"), len(p.Time))
	}
}

func TestOffAndNilWriteNothing(t *testing.T) {
	l, path := logAt(t, Options{Mode: Off, Path: filepath.Join(t.TempDir(), "no", "such", "audit.log")})
	require.NoError(t, l.Write(run("ls")))
	assert.False(t, l.Strict())
	assert.NoFileExists(t, path)
	var none *Log
	assert.NoError(t, errors.Join(none.Write(run("ls")), none.Reopen(Options{}), none.Close()))
	assert.False(t, none.Strict())
}

func TestOnlyStrictIsStrict(t *testing.T) {
	for mode, strict := range map[Mode]bool{"": true, Strict: true, Loose: false, Off: false} {
		l, _ := logAt(t, Options{Mode: mode})
		assert.Equal(t, strict, l.Strict(), "%q", mode)
	}
}

func TestAStrictLogThatCannotBeOpenedIsAnErrorALooseOneIsNot(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	path := filepath.Join(blocked, "audit.log") // a file where a folder has to be
	_, err := Open(Options{Path: path})
	require.Error(t, err)
	assert.Contains(t, err.Error(), blocked)
	l, err := Open(Options{Path: path, Mode: Loose})
	require.NoError(t, err)
	require.Error(t, l.Write(run("a")), "but it says so with each line")
	require.NoError(t, os.Remove(blocked))
	require.NoError(t, l.Write(run("b")), "and goes on once it can")
	assert.Len(t, linesOf(t, path), 1)
	require.NoError(t, l.Close())
}

func TestWhatACrashTornOffStaysAndTheNextLineIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	const rest = `{"time":"2026-03-04T04:06:07.00000`
	require.NoError(t, os.WriteFile(path, []byte("{}\n"+rest), 0o600))
	l, _ := logAt(t, Options{Path: path})
	require.NoError(t, l.Write(run("a")))
	require.NoError(t, l.Write(run("b")))
	all := linesOf(t, path)
	require.Len(t, all, 4)
	assert.Equal(t, []string{"{}\n", rest + "\n"}, all[:2])
	assert.Equal(t, "a", parse(t, all[2]).Line)
	assert.Equal(t, "b", parse(t, all[3]).Line)
}

func TestManyWritersNeverMixAndTimesNeverGoBack(t *testing.T) {
	for _, sync := range []bool{false, true} {
		l, path, _ := onDisk(t, Options{Sync: sync}) // whose fsync costs nothing
		writers(t, 20, 50, func(i, k int) {
			assert.NoError(t, l.Write(run(fmt.Sprintf("%d %d %s", i, k, strings.Repeat("x", 97*(k%7))))))
		})
		seen, last := map[string]bool{}, ""
		for _, line := range linesOf(t, path) {
			p := parse(t, line)
			seen[p.Line] = true
			assert.LessOrEqual(t, last, p.Time)
			last = p.Time
		}
		assert.Len(t, seen, 1000)
	}
}

// writers calls write n times in each of many goroutines.
func writers(t *testing.T, goroutines, n int, write func(i, k int)) {
	t.Helper()
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() {
			for k := range n {
				write(i, k)
			}
		})
	}
	group.Wait()
}

func TestRotationUnderLoadLosesNothing(t *testing.T) {
	const rotations = 20
	l, path, _ := onDisk(t, Options{Sync: true})
	rotated := make(chan struct{}) // closed after the last rotation
	go func() {
		defer close(rotated)
		for i := range rotations {
			assert.NoError(t, os.Rename(path, fmt.Sprintf("%s.%d", path, i)))
			assert.NoError(t, l.Reopen(Options{Path: path, Sync: true}))
		}
	}()
	var written atomic.Int64
	writers(t, 8, 1, func(i, _ int) {
		for k := 0; ; k++ { // as long as it takes to rotate, however that is scheduled
			assert.NoError(t, l.Write(run(fmt.Sprint(i, " ", k))))
			written.Add(1)
			select {
			case <-rotated:
				return
			default:
			}
		}
	})
	seen := map[string]bool{}
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Len(t, files, rotations+1)
	for _, f := range files {
		for _, line := range linesOf(t, f) {
			seen[parse(t, line).Line] = true
		}
	}
	assert.Len(t, seen, int(written.Load()))
}

func TestReopenIsAllOrNothing(t *testing.T) {
	l, path := logAt(t, Options{})
	require.Error(t, l.Reopen(Options{Path: filepath.Dir(path), Mode: Strict}), "a folder")
	require.NoError(t, l.Write(run("a")))
	assert.Len(t, linesOf(t, path), 1, "the old one stays")
	other := path + ".other"
	require.NoError(t, l.Reopen(Options{Path: other, Mode: Loose}))
	require.NoError(t, l.Write(run("b")))
	assert.Len(t, linesOf(t, path), 1)
	assert.Len(t, linesOf(t, other), 1)
	assert.False(t, l.Strict())
	require.NoError(t, l.Reopen(Options{Mode: Off}))
	require.NoError(t, l.Write(run("c")))
	assert.Len(t, linesOf(t, other), 1)
}

func TestAClosedLogSaysSo(t *testing.T) {
	l, _ := logAt(t, Options{})
	require.NoError(t, l.Close())
	assert.ErrorIs(t, l.Write(run("a")), ErrClosed)
	assert.ErrorIs(t, l.Reopen(Options{Path: filepath.Join(t.TempDir(), "x")}), ErrClosed)
	assert.NoError(t, l.Close())
}

// disk is a file on a disk that fails as it is told to.
type disk struct {
	*os.File
	room  *atomic.Int64 // bytes until it is full
	sick  *atomic.Bool  // fsync fails
	syncs *atomic.Int64
}

var errFull = errors.New("no space left on device")

func (d disk) Write(b []byte) (int, error) {
	if left := d.room.Add(-int64(len(b))); left < 0 {
		n, _ := d.File.Write(b[:max(int(left)+len(b), 0)])
		d.room.Store(0)
		return n, errFull
	}
	return d.File.Write(b)
}

func (d disk) Sync() error {
	d.syncs.Add(1)
	if d.sick.Load() {
		return &fs.PathError{Op: "sync", Path: d.Name(), Err: errors.New("input/output error")}
	}
	return nil
}

func (d disk) gone() bool { return false }

// onDisk is a log on such a disk.
func onDisk(t *testing.T, o Options) (*Log, string, disk) {
	d := disk{room: &atomic.Int64{}, sick: &atomic.Bool{}, syncs: &atomic.Int64{}}
	d.room.Store(1 << 40)
	o.Path = filepath.Join(t.TempDir(), "audit.log")
	l := &Log{open: func(path string) (file, bool, error) {
		f, torn, err := openFile(path)
		if err != nil {
			return nil, false, err
		}
		on := d
		on.File = f.(diskFile).File
		return on, torn, nil
	}}
	require.NoError(t, l.Reopen(o))
	t.Cleanup(func() { _ = l.Close() })
	return l, o.Path, d
}

func TestSem51_AFullDiskIsAnErrorAndRoomAgainIsNone(t *testing.T) {
	for room := range int64(200) { // every byte at which a line can be cut
		l, path, d := onDisk(t, Options{})
		require.NoError(t, l.Write(run("first")))
		d.room.Store(room)
		err := l.Write(run(strings.Repeat("x", 150)))
		require.ErrorIs(t, err, errFull)
		require.ErrorContains(t, err, "audit log: ")
		require.ErrorIs(t, l.Write(run("y")), errFull)
		d.room.Store(1 << 20)
		require.NoError(t, l.Write(run("last")))
		var whole []string
		for _, line := range linesOf(t, path) {
			if json.Valid([]byte(line)) {
				whole = append(whole, parse(t, line).Line)
			}
		}
		require.Equal(t, []string{"first", "last"}, whole, "room %d", room)
		require.NoError(t, l.Close())
	}
}

func TestSem51_AFailedFsyncFailsTheLineAndOnlyANewFileIsTrusted(t *testing.T) {
	l, path, d := onDisk(t, Options{Sync: true})
	require.NoError(t, l.Write(run("a")))
	first := l.h
	d.sick.Store(true)
	require.ErrorContains(t, l.Write(run("b")), "make it durable")
	d.sick.Store(false)
	require.Error(t, first.commit(2), "the kernel would say yes now")
	require.NoError(t, first.commit(1))
	require.NoError(t, l.Write(run("c")))
	assert.NotSame(t, first, l.h)
	assert.Len(t, linesOf(t, path), 3)
}

func TestFsyncIsSharedByThoseWhoWaitTogether(t *testing.T) {
	l, _, d := onDisk(t, Options{Sync: true})
	var bodies []uint64
	for range 10 {
		_, n, err := l.append(fields(run("x")))
		require.NoError(t, err)
		bodies = append(bodies, n)
	}
	for i := range bodies {
		require.NoError(t, l.h.commit(bodies[len(bodies)-1-i]))
	}
	assert.EqualValues(t, 1, d.syncs.Load())
	quick, _, d := onDisk(t, Options{})
	require.NoError(t, quick.Write(run("x")))
	require.NoError(t, quick.Close())
	assert.Zero(t, d.syncs.Load(), "not asked for")
}

// BenchmarkWrite is what a command costs: its accepted line and its end. A sync is the disk's.
func BenchmarkWrite(b *testing.B) {
	accepted := Record{Event: CommandAccepted, Session: strings.Repeat("0f", 16), Key: "admin", Remote: "192.0.2.1:12345", User: "root",
		Command: &Command{Line: "systemctl status nginx | grep active", Cwd: "/root", Env: []string{"LANG", "LC_ALL"}, Request: make([]byte, 16)}}
	ended := Record{Event: CommandEnded, Session: accepted.Session, Key: "admin", Remote: accepted.Remote, User: "root", End: &End{Kind: "exited", Out: 100}}
	for _, o := range []Options{{}, {Sync: true}, {Mode: Off}} {
		name := string(o.Mode)
		if o.Mode == "" {
			name = fmt.Sprintf("strict,fsync=%v", o.Sync)
		}
		write := func(b *testing.B, l *Log) {
			for _, r := range []Record{accepted, ended} {
				if err := l.Write(r); err != nil {
					b.Error(err)
				}
			}
		}
		b.Run(name, func(b *testing.B) {
			l, _ := logAt(b, o)
			b.ReportAllocs()
			for b.Loop() {
				write(b, l)
			}
		})
		b.Run(name+",parallel", func(b *testing.B) {
			l, _ := logAt(b, o)
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					write(b, l)
				}
			})
		})
	}
}
