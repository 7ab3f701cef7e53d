import API
import Bytes
import Records
import Testing

struct EventsParameterTests {
    private let sse = ["Accept: text/event-stream"]

    @Test func `nothing said is everything, oldest first, a thousand at a time`() {
        let query = Asking.events("")
        #expect(query == EventsQuery())
        #expect(query?.limit == 1000)
    }

    @Test func `every parameter is read to its type`() throws {
        let query = Asking.events(
            "?subject=patient/p-1&type=a.b&type=c.d&after=5&before=9&since=2026-01-01T00:00:00+01:00"
                + "&until=2026-01-02T00:00:00Z&asof=12&order=desc&limit=10000&follow=false")
        #expect(query?.subject == StreamName(.patient, id: "p-1").map { .stream($0) })
        #expect(query?.types == ["a.b", "c.d"])
        #expect(query?.after == 5)
        #expect(query?.before == 9)
        #expect(query?.since == (try Instant("2025-12-31T23:00:00Z")))
        #expect(query?.until == (try Instant("2026-01-02T00:00:00Z")))
        #expect(query?.asOf == .position(12))
        #expect(query?.isDescending == true)
        #expect(query?.limit == 10_000)
        #expect(query?.follow == false)
    }

    @Test func `a prefix is a category, or finds nothing`() {
        #expect(Asking.events("?subject=appointment/")?.subject == .category(.appointment))
        #expect(Asking.events("?subject=appointment%2F")?.subject == .category(.appointment))
        #expect(Asking.events("?subject=invoice/")?.subject == .nothing)
        #expect(Asking.events("?subject=patient/p/")?.subject == .nothing)
        #expect(Asking.events("?subject=invoice/1")?.subject == .nothing)
    }

    @Test(arguments: [
        ("?subject=patient", ProblemKind.badParameter), ("?subject=", .badParameter),
        ("?subject=patient/p%20q", .badParameter), ("?subject=patient/a/b", .badParameter), ("?limit=0", .badParameter),
        ("?limit=10001", .badParameter), ("?limit=1&limit=2", .badParameter), ("?limit=+1", .badParameter),
        ("?limit=1e3", .badParameter), ("?order=up", .badParameter), ("?follow=yes", .badParameter),
        ("?type=", .badParameter), ("?after=-1", .badPosition), ("?after=007", .badPosition),
        ("?before=18446744073709551616", .badPosition), ("?since=2026-01-01", .badInstant),
        ("?since=2026-01-01T00:00:00", .badInstant), ("?until=yesterday", .badInstant),
        ("?asof=2026-01-01T00:00:00", .badInstant), ("?asof=", .badInstant),
        ("?since=2026-01-01T00:00:00%2001:00", .badInstant),
        ("?patient=p-1", .unknownParameter), ("?Limit=1", .unknownParameter), ("?limit", .badParameter),
        ("?x=%ff", .badParameter), ("?%ff=1", .badParameter), ("?x=%", .badParameter), ("?x=%00", .badParameter),
        ("?=1", .badParameter), ("?follow=true&order=desc", .badParameter), ("?follow=true&before=1", .badParameter),
        ("?follow=true&until=2026-01-01T00:00:00Z", .badParameter), ("?follow=true&asof=1", .badParameter),
    ])
    func `what cannot be meant is refused`(_ query: String, _ kind: ProblemKind) {
        #expect(Asking.refusal("GET /v1/events" + query) == kind)
    }

    @Test func `values are decoded once`() {
        #expect(Asking.refusal("GET /v1/events?limit=%31%30") == nil)
        #expect(Asking.events("?limit=%31%30")?.limit == 10)
        #expect(Asking.refusal("GET /v1/events?limit=%2531") == .badParameter)
        #expect(Asking.events("?type=a%2Bb&type=a+b")?.types == ["a+b", "a+b"])
    }

    @Test func `an SSE client goes on behind the id it saw last`() {
        #expect(Asking.events("?after=5", sse + ["Last-Event-ID: 9"])?.after == 9)
        #expect(Asking.events("?after=5", sse + ["Last-Event-ID:"])?.after == 5)
        #expect(Asking.events("?after=5", ["Last-Event-ID: 9"])?.after == 5)
        #expect(Asking.events("?order=desc", sse + ["Last-Event-ID: 9"])?.before == 9)
        #expect(Asking.refusal("GET /v1/events", sse + ["Last-Event-ID: x"]) == .badPosition)
    }

    @Test(arguments: [
        ("*/*", true), ("application/x-ndjson", true), ("text/event-stream", true), ("text/*", true),
        ("application/json;q=0.5, */*;q=0", true), ("text/html", false), ("*/*;q=0", false),
        ("application/x-ndjson;q=0, text/html", false), ("APPLICATION/JSON", true), ("nonsense", true), ("", true),
    ])
    func `what is accepted is negotiated`(_ accept: String, _ isTaken: Bool) {
        #expect(Asking.refusal("GET /v1/events", ["Accept: " + accept]) == (isTaken ? nil : .notAcceptable))
    }

    @Test func `what is liked by nobody is not taken under its second name`() {
        let disliked = ["application/x-ndjson", "text/event-stream", "application/cloudevents-batch+json"]
        let accept = "Accept: " + disliked.map { $0 + ";q=0, " }.joined() + "*/*"
        // An array is what is left, and that cannot be followed.
        #expect(Asking.refusal("GET /v1/events?follow=true", [accept]) == .badParameter)
        #expect(Asking.refusal("GET /v1/events?follow=true", ["Accept: application/ndjson"]) == nil)
    }

    @Test func `an array cannot be followed`() {
        #expect(Asking.refusal("GET /v1/events?follow=true", ["Accept: application/json"]) == .badParameter)
        #expect(Asking.events("?follow=true", sse)?.follow == true)
    }

    @Test func `If-Match is not used`() {
        #expect(Asking.refusal("GET /v1/events", ["If-Match: \"5\""]) == .ifMatch)
        #expect(Asking.refusal("POST /v1/events", ["If-Match: *"], "{}") == .ifMatch)
    }
}
