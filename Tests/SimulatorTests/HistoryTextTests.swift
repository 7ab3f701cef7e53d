import Simulator
import Testing

/// Histories of real processes, written down as text.
@Suite struct HistoryTextTests {
    /// Two clients on one stream: a batch, a read of it, a refusal, an append without an answer that was done.
    static let right = """
        event 0 0 1 1000
        event 1 0 2 1000
        event 2 0 3 1500
        append 0 10 20 2 0 0 0 1 0 - done 1 1 1000 2 2 1000
        look 1 25 30 0 shown 2 1000 2
        look 1 5 12 0 missing
        append 1 31 40 1 3 0 1 conflicts 0 1 2
        append 0 50 60 1 2 0 2 unknown
        scan 1 70 80 - 1 3 3 1 2 2 1000 2 3 3 1500
        scan 1 90 99 0 0 3 - 0 1 1 1000

        """

    private func judged(_ text: String) throws -> String? {
        let read = try HistoryText(Array(text.utf8))
        return HistoryCheck(read.history, log: read.log).violation
    }

    @Test func `a right history has one order`() throws {
        let read = try HistoryText(Array(Self.right.utf8))
        #expect(read.history.operations.count == 7 && read.log.count == 3)
        #expect(HistoryCheck(read.history, log: read.log).violation == nil)
    }

    @Test(arguments: [
        ("look 1 25 30 0 shown 2 1000 2", "look 1 25 30 0 shown 1 1000 2"),
        ("look 1 25 30 0 shown 2 1000 2", "look 1 25 30 0 missing"),
        ("look 1 25 30 0 shown 2 1000 2", "look 1 25 30 0 shown 2 1000 1"),
        ("look 1 5 12 0 missing", "look 1 22 23 0 missing"),
        ("event 1 0 2 1000\n", ""),
        ("conflicts 0 1 2", "conflicts 0 1 3"),
        ("conflicts 0 1 2", "done 4 4 1500"),
        ("append 0 50 60 1 2 0 2 unknown", "append 0 50 60 1 2 0 1 unknown"),
        ("scan 1 70 80 - 1 3 3 1 2 2 1000 2 3 3 1500", "scan 1 70 80 - 1 3 3 2 3 3 1500"),
        ("scan 1 70 80 - 1 3 3 1 2 2 1000 2 3 3 1500", "scan 1 70 80 - 1 2 2 1 2 2 1001"),
        ("done 1 1 1000 2 2 1000", "done 1 1 1000 2 2 1001"),
    ]) func `one wrong word is found`(said: String, instead: String) throws {
        let parts = Self.right.split(separator: said, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        #expect(try judged(parts[0] + instead + parts[1]) != nil)
    }

    @Test(arguments: [
        "event 0 0 1", "event 0 0 1 1000 7", "event 0 0 x 1000", "look 1 25 30 0 shown 2 1000", "look 1 2 3 0 seen",
        "append 0 10 20 2 0 0 0 done 1 1 1000", "append 0 10 20 0 unknown", "append 0 10 20 1 0 0 0", "wait 1 2 3",
        "append 0 10 20 1 0 0 0 conflicts 0 1", "scan 1 2 3 - - 3 3", "look 1 25 9223372036854775808 0 missing",
    ]) func `a line that cannot be read is named`(line: String) {
        #expect(throws: HistoryText.BadLine(number: 11)) {
            try HistoryText(Array((Self.right + line).utf8))
        }
    }
}
