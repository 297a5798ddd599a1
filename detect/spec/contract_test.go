package spec

import (
	"testing"
)

const contractDocument = `
openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /orders/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}}
      - {name: expand, in: query, schema: {type: array, items: {type: string}}}
    get:
      parameters:
        - {name: filter, in: query, style: deepObject, schema: {type: object}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
        4XX: {description: no}
    put:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
      responses:
        default: {description: any}
  /free:
    get:
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object}}}}
components:
  schemas:
    Order:
      allOf:
        - {$ref: "#/components/schemas/Base"}
        - type: object
          properties:
            items: {type: array, items: {type: object, properties: {sku: {type: string}, n: {type: integer}}}}
            parent: {$ref: "#/components/schemas/Order"}
            tags: {type: object, additionalProperties: {type: string}}
    Base:
      type: object
      properties:
        id: {type: integer}
        total: {type: number}
`

func contractAt(t *testing.T, method, path string) *Contract {
	t.Helper()
	s, err := Parse([]byte(contractDocument), "t.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := s.LookupAnywhere(method, path)
	if m.Op == nil || m.Op.Contract == nil {
		t.Fatalf("%s %s has no contract (%v)", method, path, s.Warnings)
	}
	return m.Op.Contract
}

func TestContractQuery(t *testing.T) {
	c := contractAt(t, "GET", "/orders/7")
	for name, want := range map[string]bool{"expand": true, "expand[]": true, "filter[state]": true, "debug": false, "expan": false} {
		if got := c.Takes(name); got != want {
			t.Errorf("takes %q: %v, want %v", name, got, want)
		}
	}
}

func TestContractAnswers(t *testing.T) {
	c := contractAt(t, "GET", "/orders/7")
	for status, want := range map[int]bool{200: true, 404: true, 201: false, 302: false} {
		if _, ok := c.Answer(status); ok != want {
			t.Errorf("status %d described: %v, want %v", status, ok, want)
		}
	}
	f, _ := c.Answer(200)
	if f == nil {
		t.Fatal("the fields of 200 are not read")
	}
	for key, want := range map[string]Verdict{
		"id:int": Described, "id:string": OtherType, "id:null": Described, "total:int": Described, "total:number": Described,
		"items[].sku:string": Described, "items[].price:int": Undescribed, "items:array": Described,
		"parent.parent.id:int": Described, "tags.anything:string": Described, "tags:object": Described,
		"secret:string": Undescribed, "parent.secret:string": Undescribed,
	} {
		if got := f.Judge(key); got != want {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
	if _, ok := contractAt(t, "PUT", "/orders/7").Answer(503); !ok {
		t.Error("default describes every status")
	}
	if f := contractAt(t, "PUT", "/orders/7").Request; f == nil || f.Judge("role:string") != Undescribed {
		t.Error("the fields of a request are not read")
	}
	if f, ok := contractAt(t, "GET", "/free").Answer(200); f != nil || !ok {
		t.Error("an object without properties is open")
	}
}

// A schema that refers to itself ends somewhere, and is open there.
func TestRecursiveSchemasEnd(t *testing.T) {
	f, _ := contractAt(t, "GET", "/orders/7").Answer(200)
	deep := ""
	for range 40 {
		deep += "parent."
	}
	if got := f.Judge(deep + "whatever:string"); got != Described {
		t.Errorf("%v below the depth that is read: nothing can be said there", got)
	}
}

// Swagger 2.0 keeps schemas beside the answer, and bodies among the parameters.
func TestContractOfSwagger(t *testing.T) {
	s, err := Parse([]byte(`{"swagger":"2.0","info":{"title":"t","version":"1"},"paths":{"/a":{"post":{
		"parameters":[{"in":"body","name":"b","schema":{"type":"object","properties":{"x":{"type":"string"}}}}],
		"responses":{"200":{"description":"","schema":{"type":"array","items":{"type":"object","properties":{"id":{"type":"integer"}}}}}}}}}}`), "t.json")
	if err != nil {
		t.Fatal(err)
	}
	c := s.LookupAnywhere("POST", "/a").Op.Contract
	if c.Request.Judge("y:int") != Undescribed || c.Request.Judge("x:string") != Described {
		t.Error("request body")
	}
	if f, _ := c.Answer(200); f.Judge("[].id:int") != Described || f.Judge("[].pin:int") != Undescribed {
		t.Error("answer")
	}
}
