import TestSupport
import Testing

/// Stories of agreement, told by scripts in Fixtures/consensus. With UPDATE_FIXTURES=1 their outcomes are written anew;
/// read the difference before committing it.
@Suite struct ScriptTests {
    @Test(arguments: [
        "elections", "conflicts", "old-terms", "handover", "replacement", "reads", "closed-socket", "stalled-disk",
        "damaged-log", "slow-follower", "restarts",
    ])
    func `the story goes as it is told`(name: String) throws {
        let path = "consensus/\(name).txt"
        let played = Script.run(try Fixture.text(path))
        #expect(!played.contains("WRONG") && !played.contains("not understood"))
        #expect(try Fixture.bytes(path, orWrite: Array(played.utf8)) == Array(played.utf8))
    }
}
