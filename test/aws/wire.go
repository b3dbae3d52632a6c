package aws

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// call is one request, understood.
type call struct {
	service, action string
	region          string
	who             Identity
	proto           protocol
	form            url.Values      // query protocols, and the query of a REST call
	body            json.RawMessage // JSON protocols
	path            []string        // of a REST call; of S3, bucket and key
	header          http.Header     // of a call of S3
	needs           []string        // permissions, where they are not named as the action is
	do              func(*Server, *call) (any, *refusal)
}

// refusal is an error as a service words it.
type refusal struct {
	status        int
	code, message string
	broken        bool // the answer is cut off
	done          bool // and what was asked for is done
}

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// protocol is how a service words its answers and errors.
type protocol int

const (
	ec2Query protocol = iota
	awsQuery
	jsonRPC
	restJSON
	restXML
)

func (p protocol) throttled(service string) *refusal {
	switch {
	case p == ec2Query:
		return refuse(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case p == restXML:
		return refuse(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case service == "ses":
		return refuse(http.StatusTooManyRequests, "TooManyRequestsException", "Maximum sending rate exceeded.")
	case service == "bedrock", service == "fis":
		return refuse(http.StatusTooManyRequests, "ThrottlingException", "Too many requests, please wait before trying again.")
	case service == "ce":
		return refuse(http.StatusBadRequest, "LimitExceededException", "Rate exceeded")
	}
	return refuse(http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
}

func (p protocol) denied(c *call) *refusal {
	message := fmt.Sprintf("User: %s is not authorized to perform: %s:%s", c.who.ARN, c.service, c.action)
	switch p {
	case ec2Query:
		return refuse(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. %s", message)
	case awsQuery, restXML:
		return refuse(http.StatusForbidden, "AccessDenied", "%s", message)
	case jsonRPC, restJSON:
	}
	return refuse(http.StatusForbidden, "AccessDeniedException", "%s", message)
}

const requestID = "b25f48e8-84fd-11e6-80d9-574e0c4664cb"

// refuse writes an error.
func (p protocol) refuse(w http.ResponseWriter, r *refusal) {
	if r.broken {
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte(`{"half": [<DescribeVolumesResponse><volumeSet><item>`))
		return
	}
	var body []byte
	switch p {
	case ec2Query:
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		body = must(xml.Marshal(struct {
			XMLName xml.Name   `xml:"Response"`
			Errors  []xmlError `xml:"Errors>Error"`
			ID      string     `xml:"RequestID"`
		}{Errors: []xmlError{{Code: r.code, Message: r.message}}, ID: requestID}))
	case awsQuery:
		w.Header().Set("Content-Type", "text/xml")
		kind := "Sender"
		if r.status >= http.StatusInternalServerError {
			kind = "Receiver"
		}
		body = must(xml.Marshal(struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Error   xmlError
			ID      string `xml:"RequestId"`
		}{Error: xmlError{Type: kind, Code: r.code, Message: r.message}, ID: requestID}))
	case restXML:
		w.Header().Set("Content-Type", "application/xml")
		body = must(xml.Marshal(struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
			ID            string `xml:"RequestId"`
		}{Code: r.code, Message: r.message, ID: requestID}))
	case jsonRPC, restJSON:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", r.code)
		body = must(json.Marshal(map[string]string{"__type": r.code, "message": r.message}))
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(body)
}

type xmlError struct {
	Type    string `xml:",omitempty"`
	Code    string
	Message string
}

// answer writes what a call gave. XML answers are wrapped as the protocol wants.
func (p protocol) answer(w http.ResponseWriter, c *call, v any) {
	switch p {
	case ec2Query:
		w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
		writeXML(w, xml.StartElement{
			Name: xml.Name{Local: c.action + "Response"},
			Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: "http://ec2.amazonaws.com/doc/2016-11-15/"}},
		}, v)
	case awsQuery:
		w.Header().Set("Content-Type", "text/xml")
		space := map[string]string{"sts": "https://sts.amazonaws.com/doc/2011-06-15/", "autoscaling": "http://autoscaling.amazonaws.com/doc/2011-01-01/"}[c.service]
		writeXML(w, xml.StartElement{
			Name: xml.Name{Local: c.action + "Response"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: space}},
		}, wrapped{result: c.action + "Result", value: v})
	case restXML:
		v.(objectAnswer).write(w) // S3 gives no other
	case jsonRPC, restJSON:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(must(json.Marshal(v)))
	}
}

func writeXML(w http.ResponseWriter, start xml.StartElement, v any) {
	_, _ = w.Write([]byte(xml.Header))
	if err := xml.NewEncoder(w).EncodeElement(v, start); err != nil {
		panic("aws stand-in: " + err.Error()) // the answers are ours
	}
}

// wrapped is a result with its metadata beside it.
type wrapped struct {
	result string
	value  any
}

// MarshalXML puts the result under its own name.
func (x wrapped) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if err := e.EncodeElement(x.value, xml.StartElement{Name: xml.Name{Local: x.result}}); err != nil {
		return err
	}
	meta := struct{ RequestId string }{requestID} //nolint:revive,staticcheck // AWS spells it so
	if err := e.EncodeElement(meta, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("aws stand-in: " + err.Error()) // what is encoded is ours
	}
	return v
}

// A token is opaque to the caller.
func makeToken(n int) string {
	return base64.StdEncoding.EncodeToString([]byte("page:" + strconv.Itoa(n)))
}

func readToken(token string) (int, bool) {
	data, err := base64.StdEncoding.DecodeString(token)
	text, ours := strings.CutPrefix(string(data), "page:")
	n, bad := strconv.Atoi(text)
	return n, err == nil && ours && bad == nil && n > 0
}

// number reads a whole number of a query, within bounds. 0 when it is not there.
func (c *call) number(name string, least, most int) (int, *refusal) {
	text := c.form.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, refuse(http.StatusBadRequest, "InvalidParameterValue", "Value ( %s ) for parameter %s is invalid. Expecting a value between %d and %d.", text, name, least, most)
	}
	return n, nil
}

// members gives a list parameter: Name.1, Name.2, … or Name.member.1, ….
func (c *call) members(name string) []string {
	var out []string
	for n := 1; ; n++ {
		v := c.form.Get(name + "." + strconv.Itoa(n))
		if v == "" {
			v = c.form.Get(name + ".member." + strconv.Itoa(n))
		}
		if v == "" {
			return out
		}
		out = append(out, v)
	}
}

// filters gives the filters of a query: name to values.
func (c *call) filters() map[string][]string {
	out := map[string][]string{}
	for n := 1; ; n++ {
		prefix := "Filter." + strconv.Itoa(n)
		name := c.form.Get(prefix + ".Name")
		if name == "" {
			return out
		}
		out[name] = c.members(prefix + ".Value")
	}
}

// matches tells whether the facts of an item pass filters. A filter of a name that is not known is refused, as EC2 does.
func matches(filters map[string][]string, facts map[string]string, tags map[string]string) (bool, *refusal) {
	for name, values := range filters {
		fact, known := facts[name]
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			fact, known = tags[key], true
			if _, has := tags[key]; !has {
				return false, nil
			}
		}
		if name == "tag-key" {
			if !slices.ContainsFunc(values, func(v string) bool { _, has := tags[v]; return has }) {
				return false, nil
			}
			continue
		}
		if !known {
			return false, refuse(http.StatusBadRequest, "InvalidParameterValue", "The filter '%s' is invalid", name)
		}
		if !slices.ContainsFunc(values, func(v string) bool { return like(v, fact) }) {
			return false, nil
		}
	}
	return true, nil
}

// like compares with * at either end, which is all that is needed of EC2's wildcards.
func like(pattern, s string) bool {
	head, starts := strings.CutSuffix(pattern, "*")
	if starts {
		return strings.HasPrefix(s, head)
	}
	return pattern == s
}

type xmlTag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

func xmlTags(tags map[string]string) []xmlTag {
	out := []xmlTag{}
	for _, k := range sortedKeys(tags) {
		out = append(out, xmlTag{k, tags[k]})
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
