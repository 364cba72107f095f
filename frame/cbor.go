package frame

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// The CBOR messages (RFC 8949) are maps with integer keys in the core deterministic encoding. Every string is a byte
// string, because words of a command line are bytes. A key that occurs twice is refused, as is an unknown key below
// skippableKey; from it on an unknown key is ignored, which is how later versions add what an older peer may miss.
const skippableKey = 64

var codec = sync.OnceValue(func() (c struct {
	enc cbor.EncMode
	dec cbor.DecMode
}) {
	eo := cbor.CoreDetEncOptions()
	eo.String = cbor.StringToByteString
	eo.NilContainers = cbor.NilContainerAsEmpty
	var err error
	if c.enc, err = eo.EncMode(); err != nil {
		panic(err) // the options are constants: a wrong one is a bug that every test meets
	}
	c.dec, err = cbor.DecOptions{
		DupMapKey:          cbor.DupMapKeyEnforcedAPF,
		IndefLength:        cbor.IndefLengthForbidden,
		TagsMd:             cbor.TagsForbidden,
		MaxNestedLevels:    4,
		MaxArrayElements:   defaultMaxElement,
		MaxMapPairs:        512,
		ByteStringToString: cbor.ByteStringToStringAllowed,
		UTF8:               cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return c
})

func marshal(v any) []byte {
	b, err := codec().enc.Marshal(v)
	if err != nil {
		panic(err) // only types of this package get here, and each of them has an encoding
	}
	return b
}

// unmarshal reads one map into the struct v points to, whose fields carry `cbor:"N,keyasint"`.
func unmarshal(p []byte, v any) error {
	var raw map[int64]cbor.RawMessage
	if err := codec().dec.Unmarshal(p, &raw); err != nil {
		return plain(err)
	}
	known := keysOf(reflect.TypeOf(v).Elem())
	for k := range raw {
		if k < 0 || k < skippableKey && !known[k] {
			return fmt.Errorf("unknown key %d", k)
		}
	}
	if err := codec().dec.Unmarshal(p, v); err != nil {
		return plain(err)
	}
	return nil
}

func keysOf(t reflect.Type) map[int64]bool {
	keys := make(map[int64]bool, t.NumField())
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("cbor"), ",")
		if n, err := strconv.ParseInt(tag, 10, 64); err == nil {
			keys[n] = true
		}
	}
	return keys
}

// plain keeps the library's words for the log and drops its Go type names' package.
func plain(err error) error {
	return fmt.Errorf("%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "cbor: "), "frame.", ""))
}
