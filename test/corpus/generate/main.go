// Command generate writes the part of the corpus that combines features: objects of many kinds, each file in a handwriting of its
// own, which is indentation, quotes, comments, line ends, markers, anchors and braces. The same seed gives the same files.
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", filepath.Join("test", "corpus", "yaml", "generated"), "folder to write to")
	files := flag.Int("files", 120, "how many")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o750); err != nil {
		log.Fatal(err)
	}
	for i := range *files {
		r := rand.New(rand.NewPCG(*seed, uint64(i))) //nolint:gosec // the same seed gives the same files
		name, text := file(r, i)
		if err := os.WriteFile(filepath.Join(*dir, name), []byte(text), 0o600); err != nil {
			log.Fatal(err)
		}
	}
}

// file makes one file of one to five objects.
func file(r *rand.Rand, i int) (name, text string) {
	h := newHand(r)
	var docs []pairs
	for range 1 + r.IntN(3)*r.IntN(3) {
		docs = append(docs, objects[r.IntN(len(objects))](r))
	}
	kind := "list"
	if len(docs) > 1 && r.IntN(5) == 0 {
		var items []any
		for _, d := range docs {
			items = append(items, d)
		}
		docs = []pairs{{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}}}
	} else {
		kind = fmt.Sprint(docs[0].get("kind"))
	}
	return fmt.Sprintf("%03d-%s.yaml", i, kind), h.file(docs)
}
