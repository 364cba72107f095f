package mux

import "rexec/frame"

// tell gives a watcher the frames of a batch that is about to be written.
func (c *Conn) tell(batch []byte) {
	if c.cfg.Watch == nil {
		return
	}
	for len(batch) >= frame.HeaderSize {
		h := frame.ParseHeader(batch)
		whole := frame.HeaderSize + int(h.Length)
		c.cfg.Watch(true, h, batch[frame.HeaderSize:whole])
		batch = batch[whole:]
	}
}

// told gives it one that came.
func (c *Conn) told(h frame.Header, payload []byte) {
	if c.cfg.Watch != nil {
		c.cfg.Watch(false, h, payload)
	}
}
