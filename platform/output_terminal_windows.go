package platform

import "errors"

func (o *Output) readTerminal([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (o *Output) drainTerminal() (int, error) { return 0, errors.ErrUnsupported }
