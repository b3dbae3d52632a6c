package aws

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const mostKeys = 1000 // of one page

type listedObject struct {
	Key, LastModified, ETag string
	Size                    int
	StorageClass            string
}

type listedVersion struct {
	XMLName        xml.Name
	Key, VersionId string //nolint:revive,staticcheck // AWS spells it so
	IsLatest       bool
	LastModified   string
	ETag           string `xml:",omitempty"`
	Size           *int   `xml:",omitempty"`
	StorageClass   string `xml:",omitempty"`
}

// pageSize is how many keys a page has.
func (s *Server) pageSize(c *call) (int, *refusal) {
	n := mostKeys
	if text := c.form.Get("max-keys"); text != "" {
		asked, err := strconv.Atoi(text)
		if err != nil || asked < 0 {
			return 0, refuse(http.StatusBadRequest, "InvalidArgument", "Provided max-keys not an integer or within integer range")
		}
		n = min(n, asked)
	}
	if s.cfg.Page > 0 {
		n = min(n, s.cfg.Page)
	}
	return n, nil
}

// keys gives the keys of a bucket below the prefix of a request and behind a key, in order.
func (c *call) keys(b *Bucket, after string) []string {
	return slices.DeleteFunc(sortedKeys(b.Objects), func(key string) bool {
		return !strings.HasPrefix(key, c.form.Get("prefix")) || key <= after || len(b.Objects[key]) == 0
	})
}

// escape words a key as the request asks for.
func (c *call) escape(key string) string {
	if c.form.Get("encoding-type") == "url" {
		return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
	}
	return key
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func listObjects(s *Server, c *call) (any, *refusal) {
	b, problem := s.bucketOf(c)
	if problem != nil {
		return nil, problem
	}
	size, problem := s.pageSize(c)
	if problem != nil {
		return nil, problem
	}
	after := c.form.Get("start-after")
	if token := c.form.Get("continuation-token"); token != "" {
		text, ok := strings.CutPrefix(token, "after:")
		if !ok {
			return nil, refuse(http.StatusBadRequest, "InvalidArgument", "The continuation token provided is incorrect")
		}
		after = text
	}
	out := struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name, Prefix          string
		MaxKeys, KeyCount     int
		IsTruncated           bool
		EncodingType          string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		Contents              []listedObject
	}{Name: b.Name, Prefix: c.escape(c.form.Get("prefix")), MaxKeys: size, EncodingType: c.form.Get("encoding-type")}
	last := ""
	for _, key := range c.keys(b, after) {
		v := b.Objects[key][len(b.Objects[key])-1]
		if v.Deleted {
			continue
		}
		if len(out.Contents) == size {
			out.IsTruncated, out.NextContinuationToken = true, "after:"+last
			break
		}
		out.Contents, last = append(out.Contents, listedObject{c.escape(key), iso(v.At), v.etag(), len(v.Body), "STANDARD"}), key
	}
	out.KeyCount = len(out.Contents)
	return objectAnswer{xml: out}, nil
}

func listObjectVersions(s *Server, c *call) (any, *refusal) {
	b, problem := s.bucketOf(c)
	if problem != nil {
		return nil, problem
	}
	size, problem := s.pageSize(c)
	if problem != nil {
		return nil, problem
	}
	keyMarker, versionMarker := c.form.Get("key-marker"), c.form.Get("version-id-marker")
	out := struct {
		XMLName             xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
		Name, Prefix        string
		KeyMarker           string
		VersionIdMarker     string //nolint:revive,staticcheck // AWS spells it so
		MaxKeys             int
		IsTruncated         bool
		EncodingType        string `xml:",omitempty"`
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIdMarker string `xml:",omitempty"` //nolint:revive,staticcheck // AWS spells it so
		Listed              []listedVersion
	}{
		Name: b.Name, Prefix: c.escape(c.form.Get("prefix")), KeyMarker: c.escape(keyMarker), VersionIdMarker: versionMarker, MaxKeys: size,
		EncodingType: c.form.Get("encoding-type"),
	}
	all := c.versions(b, keyMarker, versionMarker)
	if len(all) > size {
		all = all[:size]
		last := all[size-1]
		out.IsTruncated, out.NextKeyMarker, out.NextVersionIdMarker = true, last.Key, last.VersionId
	}
	out.Listed = all
	return objectAnswer{xml: out}, nil
}

// versions gives all versions behind a place in the list: by key, the newest of each first.
func (c *call) versions(b *Bucket, keyMarker, versionMarker string) []listedVersion {
	keys := c.keys(b, keyMarker)
	if _, ok := b.Objects[keyMarker]; ok && versionMarker != "" {
		keys = append([]string{keyMarker}, keys...)
	}
	var all []listedVersion
	for _, key := range keys {
		list := b.Objects[key]
		from := len(list) - 1
		if key == keyMarker {
			from = slices.IndexFunc(list, func(v ObjectVersion) bool { return v.ID == versionMarker }) - 1
		}
		for at := from; at >= 0; at-- {
			v := list[at]
			listed := listedVersion{
				XMLName: xml.Name{Local: "DeleteMarker"}, Key: c.escape(key), VersionId: v.ID, IsLatest: at == len(list)-1, LastModified: iso(v.At),
			}
			if size := len(v.Body); !v.Deleted {
				listed.XMLName.Local, listed.ETag, listed.Size, listed.StorageClass = "Version", v.etag(), &size, "STANDARD"
			}
			all = append(all, listed)
		}
	}
	return all
}
