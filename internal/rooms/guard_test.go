package rooms

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// guarded are the rooms whose goroutines run in a client with a raw terminal, but for the files of the daemon's side.
var guarded = map[string][]string{
	"client": nil, "internal/link": {"server.go"}, "internal/mux": nil, "internal/invoke": nil, "internal/localterm": nil,
	"session": {"serve.go", "conduct.go", "ending.go", "lost.go"}, "platform/text": nil,
}

// harmless are calls in a goroutine of their own that cannot panic but with the runtime itself.
var harmless = []string{"d.cancel", "func() { _ = w.Close() }"}

func TestSem30_EveryGoroutineOfAClientGuardsTheTerminal(t *testing.T) {
	for room, daemons := range guarded {
		dir := filepath.Join("..", "..", filepath.FromSlash(room))
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		files := token.NewFileSet()
		methods := map[string]*ast.BlockStmt{}
		var all []*ast.File
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") || slices.Contains(daemons, filepath.Base(name)) {
				continue
			}
			f, err := parser.ParseFile(files, name, nil, 0)
			require.NoError(t, err)
			all = append(all, f)
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					methods[fn.Name.Name] = fn.Body
				}
			}
		}
		require.NotEmpty(t, all, room)
		for _, f := range all {
			ast.Inspect(f, func(n ast.Node) bool {
				if started := goroutine(n); started != nil && !slices.Contains(harmless, text(t, files, started)) {
					assert.True(t, guards(started, methods), "%v: a panic in this goroutine would leave the terminal raw: begin it with defer and the guard", files.Position(n.Pos()))
				}
				return true
			})
		}
	}
}

// text is a part of a file as it is written.
func text(t *testing.T, files *token.FileSet, n ast.Node) string {
	t.Helper()
	from, to := files.Position(n.Pos()), files.Position(n.End())
	source, err := os.ReadFile(from.Filename)
	require.NoError(t, err)
	return string(source[from.Offset:to.Offset])
}

// goroutine is the function that a statement or call starts one with; nil: it starts none.
func goroutine(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.GoStmt:
		return n.Call.Fun
	case *ast.CallExpr:
		sel, ok := n.Fun.(*ast.SelectorExpr)
		if ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc") && len(n.Args) > 0 {
			return n.Args[len(n.Args)-1]
		}
	}
	return nil
}

// guards reports whether a function defers the guard before anything else.
func guards(f ast.Expr, methods map[string]*ast.BlockStmt) bool {
	var body *ast.BlockStmt
	switch f := f.(type) {
	case *ast.FuncLit:
		body = f.Body
	case *ast.SelectorExpr:
		body = methods[f.Sel.Name]
	case *ast.Ident:
		body = methods[f.Name]
	}
	if body == nil || len(body.List) == 0 {
		return false
	}
	d, ok := body.List[0].(*ast.DeferStmt)
	if !ok {
		return false
	}
	call := ast.Expr(d.Call)
	for {
		switch c := call.(type) {
		case *ast.CallExpr:
			call = c.Fun
			continue
		case *ast.SelectorExpr:
			return strings.EqualFold(c.Sel.Name, "guard")
		case *ast.Ident:
			return strings.EqualFold(c.Name, "guard")
		}
		return false
	}
}
