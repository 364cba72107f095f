//go:build !unix

package main

import "io"

func enoughDescriptors() error { return nil }

func scarceStatus(string) io.Writer { return nil }
