//go:build unix

package platform

import "testing"

// BenchmarkStart is the life of the smallest command: Start, Wait, Release.
func BenchmarkStart(b *testing.B) {
	for _, opt := range []TreesOptions{{Group: true}, {}} {
		trees := NewTrees(opt)
		name := "group"
		if trees.Folder("x") != "" {
			name = "cgroup"
		}
		b.Run(name, func(b *testing.B) {
			id := newID()
			for b.Loop() {
				p, err := Start(trees, Spec{ID: id, Argv: []string{"/bin/true"}, NoStdin: true})
				if err != nil {
					b.Fatal(err)
				}
				if _, _, _, err := p.Wait(); err != nil {
					b.Fatal(err)
				}
				if err := p.Release(); err != nil {
					b.Fatal(err)
				}
			}
		})
		if err := trees.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
