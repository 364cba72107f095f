package strictoml

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// places says at which byte of the document a name or a header begins. A name
// is its path from the root: each step a NUL and the name, or a NUL and a
// decimal number for an element of [[...]]. A name with a NUL in it could at worst
// send a reader to the wrong line.
type places map[string]int

func join(path, name string) string { return path + "\x00" + name }

func element(path string, i int) string { return join(path, strconv.Itoa(i)) }

// offset finds the path, or the nearest table around it: inside inline tables
// and lists nothing has a place of its own.
func (p places) offset(path string) int {
	for {
		if at, ok := p[path]; ok {
			return at
		}
		up := strings.LastIndexByte(path, 0)
		if up < 0 {
			return 0
		}
		path = path[:up]
	}
}

// locate reads a document that is known to be well formed.
func locate(data []byte) places {
	found := places{}
	length := map[string]int{} // of each [[...]] so far, by path
	var table string           // the path of the table we are in
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.KeyValue && e.Kind != unstable.Table && e.Kind != unstable.ArrayTable {
			continue
		}
		path, start := "", -1
		if e.Kind == unstable.KeyValue {
			path = table
		}
		for key := e.Key(); key.Next(); {
			if start < 0 {
				start = int(key.Node().Raw.Offset)
			}
			path = join(path, string(key.Node().Data))
			last := key.IsLast()
			if n, isList := length[path]; isList && (!last || e.Kind != unstable.ArrayTable) {
				path = element(path, n-1)
			}
		}
		if e.Kind == unstable.ArrayTable {
			length[path]++
			if length[path] == 1 {
				found[path] = start
			}
			path = element(path, length[path]-1)
		}
		if e.Kind != unstable.KeyValue {
			table = path
		}
		found[path] = start
	}
	return found
}

// position turns a byte offset into a row and a column, both from 1; columns
// count bytes.
func position(data []byte, offset int) (row, column int) {
	before := data[:offset]
	return 1 + bytes.Count(before, []byte("\n")), offset - bytes.LastIndexByte(before, '\n')
}
