// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"
)

// A process that takes another name all the time is no less in its namespace.
func TestRestlessNameHidesNobody(t *testing.T) {
	h, err := OpenHost("/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	name, err := os.OpenFile("/proc/self/comm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer name.Close()
	was, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var renaming sync.WaitGroup
	renaming.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				name.Write(bytes.TrimSpace(was)) // a line end would become part of the name
				return
			default:
				fmt.Fprintf(name, "x%d", i)
			}
		}
	})
	defer renaming.Wait()
	defer close(stop)
	d, err := newDetails(h, true)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if _, err := d.read(&Holder{PID: os.Getpid()}, Net, ownNet(t)); err != nil {
			t.Fatalf("read of a living process: %v", err)
		}
	}
}
