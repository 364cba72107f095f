package invoke

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"rexec/frame"
)

// status is the object in the status file, one line. All names are always there.
type status struct {
	Host        string   `json:"host"`
	Kind        string   `json:"kind"`        // the verdict's, or not_started, refused, unknown
	Code        *int64   `json:"code"`        // the command's own, exact; null: it has none
	Signal      string   `json:"signal"`      // without SIG
	Core        bool     `json:"core"`        //
	BytesIn     uint64   `json:"bytes_in"`    // that the command's stdin took
	BytesOut    uint64   `json:"bytes_out"`   // that came
	BytesErr    uint64   `json:"bytes_err"`   // that came
	Held        []string `json:"held"`        // outputs that something still held open
	Survivors   uint32   `json:"survivors"`   // processes that outlived the verdict
	WallUS      int64    `json:"wall_us"`     // microseconds
	UserUS      int64    `json:"user_us"`     //
	SystemUS    int64    `json:"system_us"`   //
	PeakBytes   uint64   `json:"peak_bytes"`  // of memory; 0: not known
	Session     string   `json:"session"`     // id, hex; empty: it did not start
	OS          string   `json:"os"`          //
	Encoding    string   `json:"encoding"`    // that the command speaks
	TextIn      string   `json:"text_in"`     // what stdin was written in: raw, an encoding, "auto " and the host's; empty: nothing began
	TextOut     string   `json:"text_out"`    // what stdout was read as
	TextErr     string   `json:"text_err"`    // what stderr was read as
	Containment string   `json:"containment"` //
	ErrorClass  string   `json:"error_class"` // connect authentication refused unknown start ended interrupted local; empty: none
	Error       string   `json:"error"`       // for people
	Exit        int      `json:"exit"`        // this process's
}

func (o outcome) status(host string, exit int) status {
	v := o.result.Verdict
	s := status{
		Host: withoutTokens(host), Kind: o.kind(), Signal: v.Signal, Core: v.Core,
		BytesIn: v.In, BytesOut: o.result.Out, BytesErr: o.result.Err, Held: held(v.Held), Survivors: v.Survivors,
		WallUS: v.Wall, UserUS: v.User, SystemUS: v.System, PeakBytes: v.Peak,
		TextIn: o.textIn, TextOut: o.textOut, TextErr: o.textErr, ErrorClass: o.class(), Error: withoutTokens(o.words(host)), Exit: exit,
	}
	if v.Kind == frame.Exited || v.Kind == frame.StartFailed {
		s.Code = &v.Code
	}
	if st := o.result.Started; st != nil {
		s.Session, s.OS, s.Encoding, s.Containment = hex.EncodeToString(st.Session), st.OS, st.Encoding, st.Containment.String()
	}
	return s
}

func held(h frame.Held) []string {
	list := []string{}
	if h&frame.HeldOut != 0 {
		list = append(list, "stdout")
	}
	if h&frame.HeldErr != 0 {
		list = append(list, "stderr")
	}
	return list
}

// finish says what is to be said, writes the status and gives the exit code.
func finish(o outcome, opt Options) int {
	say := opt.sayer()
	if o.class() == "local" && o.result.Verdict.Kind == 0 {
		say.host = "" // it is not the host's doing
	}
	code := ExitCode(o.err, opt.SSHShape)
	if words := o.words(opt.Host); words != "" {
		say.line("%s", words)
	}
	if v := o.result.Verdict; v.Kind != 0 {
		say.story("%s", o.verdictStory())
	}
	if opt.Status == nil {
		return code
	}
	if err := writeStatus(opt.Status, o.status(opt.Host, code)); err != nil {
		say.line("cannot write the status: %v", err)
		return ExitFailure
	}
	return code
}

// writeStatus writes in one piece, so that several may share a pipe.
func writeStatus(w io.Writer, s status) error {
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
