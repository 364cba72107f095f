package hmacauth

import "testing"

// benchVerify times Verify alone, for clients with cred.
func benchVerify(b *testing.B, cred Credentials, want bool) {
	cfg := katConfig(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		c, s := mustClient(b, katBinding(b), cred), NewServer(katBinding(b), cfg)
		m2, err := s.M2(c.M1())
		if err != nil {
			b.Fatal(err)
		}
		m3, err := c.M3(m2)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := s.Verify(m3); (err == nil) != want {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	good := katCredentials(b)
	b.Run("admitted", func(b *testing.B) { benchVerify(b, good, true) })
	cred := good
	cred.Secret = NewSecret()
	b.Run("wrong key", func(b *testing.B) { benchVerify(b, cred, false) })
	cred = good
	cred.KeyID = "nobody"
	b.Run("unknown id", func(b *testing.B) { benchVerify(b, cred, false) })
	cred = good
	cred.ServerID = "lab-08"
	b.Run("wrong server id", func(b *testing.B) { benchVerify(b, cred, false) })
}

func BenchmarkHandshake(b *testing.B) {
	cred, cfg := katCredentials(b), katConfig(b)
	b.ReportAllocs()
	for b.Loop() {
		if o := converse(mustClient(b, katBinding(b), cred), NewServer(katBinding(b), cfg), nil); !o.proved {
			b.Fatal(o.serverErr, o.clientErr)
		}
	}
}
