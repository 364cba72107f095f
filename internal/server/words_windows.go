package server

import "rexec/frame"

// ownWords gives a START with its words as this system has them.
func ownWords(start frame.Start) (frame.Start, error) { return textWords(start) }
