import API
import Records
import Testing

struct OrderTests {
    private static let json = ["Content-Type: application/json"]

    @Test(arguments: [
        ("handover", "", OperatorOrder.handover(to: nil)), ("handover", "{}", .handover(to: nil)),
        ("handover", #"{"to":2}"#, .handover(to: 2)), ("replacements", #"{"leaving":3}"#, .replace(3, with: nil)),
        ("replacements", #"{"leaving":3,"joining":4}"#, .replace(3, with: 4)), ("members", #"{"joining":4}"#, .add(4)),
        (
            "members", #"{"joining":2,"address":"::1","peerPort":7502,"clientPort":7402}"#,
            .add(2, at: Place(id: 2, address: "::1", peerPort: 7502, clientPort: 7402))
        ),
        ("members", #"{"leaving":2}"#, .remove(2)),
        ("takeover", "", .takeOver(by: nil)), ("takeover", #"{"to":2}"#, .takeOver(by: 2)),
        ("clock", "", .acceptClock), ("clock", "{}", .acceptClock),
    ])
    func `an order is read as it was meant`(_ path: String, _ body: String, _ order: OperatorOrder) throws {
        let inquiry = try #require(Asking.inquiry("POST /v1/cluster/\(path)", body.isEmpty ? [] : Self.json, body))
        #expect(inquiry.order == order)
    }

    @Test(arguments: [
        ("handover", "[]", ProblemKind.malformedRequest), ("handover", #"{"to":"2"}"#, .malformedRequest),
        ("handover", #"{"to":0}"#, .malformedRequest), ("handover", #"{"to":1.5}"#, .malformedRequest),
        ("handover", #"{"too":1}"#, .malformedRequest), ("handover", #"{"to":1,"to":2}"#, .badJSON),
        ("handover", "{", .badJSON), ("replacements", "{}", .malformedRequest),
        ("replacements", #"{"joining":4}"#, .malformedRequest), ("members", "{}", .malformedRequest),
        ("members", #"{"joining":4,"leaving":1}"#, .malformedRequest), ("handover?to=2", "", .unknownParameter),
        ("members", #"{"joining":2,"address":"::1","peerPort":7502}"#, .malformedRequest),
        ("members", #"{"joining":2,"peerPort":7502,"clientPort":7402}"#, .malformedRequest),
        ("members", #"{"joining":2,"address":"a.example","peerPort":7502,"clientPort":7402}"#, .malformedRequest),
        ("members", #"{"joining":2,"address":"::1","peerPort":7502,"clientPort":70000}"#, .malformedRequest),
        ("members", #"{"leaving":2,"address":"::1","peerPort":7502,"clientPort":7402}"#, .malformedRequest),
        ("handover", #"{"to":2,"address":"::1"}"#, .malformedRequest),
        ("clock", #"{"to":2}"#, .malformedRequest), ("takeover", #"{"by":2}"#, .malformedRequest),
    ])
    func `an order that says something else is refused`(_ path: String, _ body: String, _ kind: ProblemKind) {
        #expect(Asking.refusal("POST /v1/cluster/\(path)", body.isEmpty ? [] : Self.json, body) == kind)
    }

    @Test func `an order is JSON`() {
        #expect(Asking.refusal("POST /v1/cluster/handover", [], #"{"to":2}"#) == .unsupportedMediaType)
    }

    @Test func `whoever lets a new replica in gets what it begins with`() throws {
        var status = ClusterStatus(
            clusterID: "00", primary: 1, term: 1, index: 1, position: 0, record: 0, minDurableCopies: 1,
            lastStamp: AnswerTests.stamp, members: [], warnings: [])
        let place = Place(id: 2, address: "::1", peerPort: 7502, clientPort: 7402)
        func body() throws -> String {
            var inquiry = try #require(
                Asking.inquiry("POST /v1/cluster/members", Self.json, #"{"joining":2}"#))
            var bytes: [UInt8] = []
            inquiry.renderer.render(.cluster(status), isLast: true, date: AnswerTests.date, onto: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(try !body().contains("seed"))
        status.retired = [3, 7]
        #expect(try body().contains(#""retired":[3,7]"#))
        status.seed = Seed(keys: [1, 2, 3], first: [4], places: [place])
        #expect(
            try body().contains(
                #""seed":{"keys":"AQID","first":"BA==","peers":[{"id":2,"address":"::1","peerPort":7502,"clientPort":7402}]}"#
            ))
        status.seed?.lineage = [9]
        #expect(try body().contains(#""first":"BA==","lineage":"CQ==","peers":"#))
    }

    @Test func `work that lasts is answered with where to watch it`() throws {
        let status = ClusterStatus(
            clusterID: "00", primary: 1, term: 1, index: 1, position: 0, record: 0, minDurableCopies: 2,
            lastStamp: AnswerTests.stamp, members: [], warnings: [])
        for (path, body, code) in [
            ("handover", "{}", 200), ("takeover", "{}", 200), ("replacements", #"{"leaving":3}"#, 202),
        ] {
            var inquiry = try #require(Asking.inquiry("POST /v1/cluster/\(path)", Self.json, body))
            var bytes: [UInt8] = []
            inquiry.renderer.render(.cluster(status), isLast: true, date: AnswerTests.date, onto: &bytes)
            #expect(inquiry.renderer.status == code)
            #expect(String(decoding: bytes, as: UTF8.self).contains("Location: /v1/cluster") == (code == 202))
        }
    }
}
