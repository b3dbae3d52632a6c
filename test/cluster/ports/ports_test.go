package ports

import (
	"net"
	"strconv"
	"sync"
	"testing"
)

func TestTakenOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[int]bool{}
	var all sync.WaitGroup
	var stands [4]Held // as four stands would, at once
	for i := range stands {
		all.Go(func() {
			for range 25 {
				port, err := stands[i].Take()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[port] {
					t.Errorf("port %d was given twice", port)
				}
				seen[port] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for port := range seen {
		ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			t.Errorf("port %d is in use: %v", port, err)
			continue
		}
		ln.Close()
	}
	for i := range stands {
		stands[i].Close()
	}
}

func TestAPortInUseIsNotTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if file := lockPort(t.TempDir(), ln.Addr().(*net.TCPAddr).Port); file != nil {
		file.Close()
		t.Fatal("a port that a server listens on was taken")
	}
}
