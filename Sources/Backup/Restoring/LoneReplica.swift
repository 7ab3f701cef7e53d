package import Bytes
package import Files
package import Keys
package import Records
package import Replica
package import SegmentedLog
package import Views

/// A replica that runs alone and for nobody but the one who holds it: opened on a store that no process serves, led, given
/// orders, and stopped. It writes and folds as any other, on the caller's thread, one thing after the other.
package final class LoneReplica<Store: FileStore> {
    private let store: Store
    private let replica: Replica<Store>
    private let crypto: Crypto
    private var dice: any Dice
    private let now: () -> Instant
    private var milliseconds: UInt64 = 1
    private var answers: [(id: AskID, answer: Answer)] = []
    private var isReady = false
    private var hasStopped = false
    private var failure: Problem?
    private var asked: UInt64 = 0

    /// Turns after which nothing more is expected to come.
    private static var turnsMax: Int { 100_000_000 }

    /// Opens and leads.
    ///
    /// - Parameters:
    ///   - configuration: Of the only voter.
    ///   - adopted: Views to begin from.
    ///   - now: UTC.
    ///   - progress: Told the entries folded and those there are.
    /// - Throws: what `Replica.open` does; `.refused` when it cannot lead.
    package init(
        _ store: Store, configuration: ReplicaConfiguration, root: SecretKey, dice: any Dice,
        adopted: AdoptedViews? = nil, now: @escaping () -> Instant,
        progress: (_ done: UInt64, _ of: UInt64) -> Void = { _, _ in }
    ) throws(ReplicaError) {
        self.store = store
        self.dice = dice
        self.now = now
        do throws(KeyError) { crypto = try Crypto() } catch { throw .key(error) }
        replica = try Replica.open(
            store, configuration: configuration, root: root, dice: dice, adopted: adopted, progress: progress)
        digests = replica.digests
        try turn { isReady }
    }

    /// Of its views, as they were folded when it was opened: since it leads there are records of that.
    package let digests: ViewDigests

    /// The term of the last entry of its log.
    var lastTerm: UInt64 { replica.lastTerm }

    /// Whose log it is.
    package var lineage: Lineage { replica.lineage }

    /// Gives an order in the name of a credential that administers, and answers with what came of it.
    ///
    /// - Throws: `.refused` with the problem.
    package func order(_ order: OperatorOrder, as credential: String) throws(ReplicaError) -> Answer {
        asked += 1
        let id = AskID(connection: 1, number: asked)
        tell([.operate(id, Caller(credential: credential, address: "offline"), order)])
        try turn { answers.contains { $0.id == id } }
        guard let at = answers.firstIndex(where: { $0.id == id }) else { throw .refused(Self.silent) }
        let answer = answers.remove(at: at).answer
        if case .problem(let problem) = answer { throw .refused(problem) }
        return answer
    }

    /// Stops in peace: all is on the disk, with a snapshot of the views.
    package func stop() throws(ReplicaError) {
        tell([.stopRequested])
        try turn { hasStopped }
    }

    private static var silent: Problem { Problem(.internalError, "The replica does not answer.") }

    private func turn(until holds: () -> Bool) throws(ReplicaError) {
        var turns = 0
        while !holds() {
            if let failure { throw .refused(failure) }
            guard turns < Self.turnsMax else { throw .refused(Self.silent) }
            turns += 1
            milliseconds += replica.hasWork ? 1 : 20
            tell([.ticked(wall: now(), monotonicMilliseconds: milliseconds)])
        }
    }

    private func tell(_ inputs: [ReplicaInput]) {
        var next = inputs
        while !next.isEmpty {
            var effects: [ReplicaEffect] = []
            replica.step(next, into: &effects)
            next = []
            for effect in effects { carryOut(effect, &next) }
        }
    }

    private func carryOut(_ effect: ReplicaEffect, _ facts: inout [ReplicaInput]) {
        switch effect {
        case .write(let batch):
            do throws(FileError) {
                try batch.carryOut(on: store)
                facts.append(.persisted(batch: batch.number))
            } catch {
                facts.append(.diskFailed(error))
            }
        case .answer(let id, let answer, _): answers.append((id, answer))
        case .background(let work):
            if let postponed = work.postponed { return facts.append(.backgroundFinished(postponed)) }
            facts.append(.backgroundFinished(work.carryOut(on: store, crypto: crypto, dice: &dice)))
        case .ready: isReady = true
        case .stopped: hasStopped = true
        case .stop(let problem): failure = problem
        case .retired(let problem): failure = problem
        case .credentials, .send, .primary, .places, .backUp: break
        }
    }
}
