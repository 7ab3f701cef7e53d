import Bytes
import Consensus
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing

/// Whoever hears of a term or a boot refuses the replica for good if it comes back with less: what it says must be on its
/// disk, in the very turn in which the disk fails too.
@Suite struct `A replica whose disk fails as it writes its term` {
    enum Step {
        /// The clock, in milliseconds.
        case at(UInt64)
        case told(PeerMessage)
        case connected, disconnected
    }

    /// What brings a new term about in a turn in which figures are due.
    enum Story: CaseIterable {
        /// Another stands for election, and is heard before or after the clock.
        case votedBefore, votedAfter
        /// It is told to stand: the term it hears of and the one it stands for are written one after the other.
        case stood
        /// Another was started anew, which is written down before the term is.
        case sawBoot
        /// As time passes it goes on to a new term by itself, so that the other one says what it has then.
        case left
    }

    /// A replica on its disk, another one, and what befalls them.
    struct Scene {
        var files = MemoryFiles()
        var id = 1
        var peer = 2
        /// Whom the other one says to be.
        var hello = PeerHello(boot: 1, term: 0, durable: 1, sightings: [])
        var boot: UInt64 = 1
        /// That it ends in when nothing fails.
        var term: UInt64 = 7
        var middle: [Step] = []

        init(_ story: Story) throws {
            if story != .left { try ClinicStore.create(files, members: [1, 2, 3]) }
            let vote = raft(.voteRequest(last: EntryID(index: 9, term: 6), isTransfer: true))
            switch story {
            case .votedBefore: middle = [vote, .at(1_300)]
            case .votedAfter: middle = [.at(1_300), vote]
            case .stood:
                middle = [raft(.heartbeat(commit: 1, round: 1)), raft(.timeoutNow), .at(1_300)]
                term = 8
            case .sawBoot:
                middle = [.told(.hello(PeerHello(boot: 2, term: 7, durable: 1, sightings: []))), vote, .at(1_300)]
            case .left: try leave()
            }
        }

        private mutating func leave() throws {
            let (trio, torn, _) = try Trio.torn(voters: 2, seed: 871)
            let other = try #require(trio.members.first { $0 !== torn })
            (files, id, peer) = (torn.files, torn.id, other.id)
            try trio.boot(other.id)
            let figures = try #require(other.replica).peerFigures
            hello = PeerHello(boot: figures.boot, term: figures.term, durable: figures.durableIndex, sightings: [])
            boot = 2
            term = figures.term + 1
            middle = [.told(.figures(figures)), .at(4_500)]
        }

        private func raft(_ kind: RaftMessage.Kind) -> Step {
            .told(.raft(RaftMessage(from: peer, to: id, term: 7, kind: kind), frames: []))
        }

        var turns: [[Step]] {
            [[.at(1_000)], [.connected, .told(.hello(hello))]] + (boot == 1 ? [] : [[.at(4_000)]])
                + [middle, [.at(4_900)], [.disconnected, .connected, .at(5_200)]]
        }
    }

    @Test(arguments: Story.allCases, [FailingFiles<MemoryFiles>.Failure.error(5), .shortWrite, .sync, .full])
    func `tells no term and no boot that its disk does not hold`(
        _ story: Story, _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let scene = try Scene(story)
        var failedTurns: Set<Int> = []
        var operation = 1
        while true {
            let inner = scene.files.copy()
            let store = FailingFiles(inner, failing: failure, at: operation)
            let told = try tell(scene, on: store, &failedTurns)
            let isDone = !store.hasFailed
            if isDone { #expect(told.term == scene.term && told.boot == scene.boot && told.count > 3) }
            var dice = SeededDice(seed: 4)
            inner.crash(.losesAll, dice: &dice)
            let kept = try TermStore.open(
                store: inner, path: ReplicaPaths.terms, identity: ClusterIdentity(ClinicStore.clusterID)
            ).state
            #expect(told.term <= kept.term && told.boot <= kept.boot, "\(failure) at \(operation)")
            guard !isDone else { break }
            operation += 1
        }
        #expect(failedTurns.contains(scene.turns.count - 3), "no operation failed in the turn of the term")
    }

    /// The highest that it spoke of, and how often.
    private struct Told {
        var term: UInt64 = 0
        var boot: UInt64 = 0
        var count = 0

        mutating func add(term: UInt64, boot: UInt64) {
            self.term = max(self.term, term)
            self.boot = max(self.boot, boot)
            count += 1
        }
    }

    /// Goes through the story, and notes in which turn the replica failed.
    private func tell(
        _ scene: Scene, on store: FailingFiles<MemoryFiles>, _ failedTurns: inout Set<Int>
    ) throws -> Told {
        var configuration = ReplicaConfiguration(id: scene.id, clusterID: ClinicStore.clusterID)
        configuration.peers = [scene.peer]
        configuration.log.headRooms = HeadRooms.none
        var told = Told()
        guard
            let replica = try? Replica.open(
                store, configuration: configuration, root: SecretKey(ClinicStore.root), dice: SeededDice(seed: 3))
        else { return told }
        for (number, turn) in scene.turns.enumerated() {
            let inputs = turn.map { step -> ReplicaInput in
                switch step {
                case .at(let milliseconds):
                    let wall = Instant(microseconds: 1_790_000_000_000_000 + Int64(milliseconds) * 1000)
                    return .ticked(wall: wall, monotonicMilliseconds: milliseconds)
                case .told(let message): return .received(from: scene.peer, message)
                case .connected: return .connected(scene.peer)
                case .disconnected: return .disconnected(scene.peer)
                }
            }
            let hadFailed = replica.life.hasFailed
            var effects: [ReplicaEffect] = []
            replica.step(inputs, into: &effects)
            hear(effects, &told)
            if replica.life.hasFailed, !hadFailed { failedTurns.insert(number) }
        }
        return told
    }

    /// What it says in a turn; nothing comes behind its last word.
    private func hear(_ effects: [ReplicaEffect], _ told: inout Told) {
        var hasStopped = false
        for effect in effects {
            switch effect {
            case .stop: hasStopped = true
            case .send(_, let message):
                #expect(!hasStopped)
                switch message {
                case .hello(let hello): told.add(term: hello.term, boot: hello.boot)
                case .figures(let figures): told.add(term: figures.term, boot: figures.boot)
                case .raft(let raft, _): told.add(term: raft.term, boot: 0)
                case .fetch, .fetched, .retired, .saved, .savedNoted, .readIndexAsked, .readIndex: break
                }
            default: break
            }
        }
    }
}
