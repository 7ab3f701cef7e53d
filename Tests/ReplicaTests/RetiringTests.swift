import Consensus
import Records
@testable import Replica
import Testing

@Suite struct `A replica that lost its place` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    private func isDone(_ trio: Trio, without leaving: Int) -> Bool {
        trio.primary?.replica?.newest.change == nil && trio.primary?.replica?.membership.retired == [leaving]
    }

    @Test func `learns it though it lives, says so, and disturbs nobody`() throws {
        let trio = try Trio(spares: 1, seed: 71)
        let primary = try #require(trio.lead())
        for number in 1...10 { trio.append([try registered(number)]) }
        let leaving = try #require(trio.members.first { $0.id != primary.id && $0.id <= 3 })
        #expect(trio.answer(trio.order(.replace(leaving.id, with: 4), to: primary))?.problem == nil)
        #expect(trio.run(within: 8_000) { isDone(trio, without: leaving.id) })
        #expect(trio.run(within: 1_000) { leaving.replica?.isRetired == true })
        #expect(leaving.retirements == 1 && leaving.primary == nil)
        for member in [primary, leaving] {
            let seen = try #require(trio.status(of: member))
            let own = try #require(seen.members.first { $0.id == leaving.id })
            #expect(own.state == "retired" && own.role == "retired")
            #expect(seen.warnings.contains { $0.contains("was retired") } == (member === leaving))
        }
        #expect(trio.answer(trio.put([try registered(11)], to: leaving))?.problem?.kind == .retired)
        #expect(trio.answer(trio.order(.handover(to: nil), to: leaving))?.problem?.kind == .retired)
        #expect(trio.answer(trio.order(.takeOver(by: nil), to: leaving))?.problem?.kind == .retired)
        // However long it hears nobody, it stands for nothing.
        let term = try #require(leaving.replica?.raft.term)
        trio.isolate(leaving.id)
        trio.run(6_000)
        #expect(leaving.replica?.raft.term == term && leaving.retirements == 1)
        try trio.heal()
        trio.run(2_000)
        #expect(trio.primary === primary)
        // It hears of it again after every start, and stops in peace.
        trio.kill(leaving.id)
        try trio.boot(leaving.id)
        #expect(trio.run(within: 2_000) { leaving.retirements == 1 })
        #expect(trio.append([try registered(12)])?.appended != nil)
        leaving.inputs.append(.stopRequested)
        #expect(trio.run(within: 4_000) { leaving.hasStopped })
    }

    @Test func `is told only by whoever has that committed, and while it votes it is told nothing`() throws {
        let trio = try Trio(spares: 1, seed: 72)
        let primary = try #require(trio.lead())
        let leaving = try #require(trio.members.first { $0.id != primary.id && $0.id <= 3 })
        // The spare cannot be reached, so that the change does not go on.
        trio.kill(4)
        trio.run(100)
        #expect(trio.answer(trio.order(.replace(leaving.id, with: 4), to: primary))?.problem != nil)
        trio.run(3_000)
        #expect(trio.members.allSatisfy { $0.retirements == 0 })
        #expect(trio.append([try registered(1)])?.appended != nil)
    }

    @Test(arguments: [false, true])
    func `was the primary, and steps down once that is committed`(_ isReplaced: Bool) throws {
        for seed in UInt64(1)...6 {
            let trio = try Trio(spares: 1, seed: 730 + seed)
            let old = try #require(trio.lead())
            for number in 1...10 { trio.append([try registered(number)]) }
            let hanging = (11...20).map { number in (number, try? trio.put([registered(number)], to: old)) }
            let order = trio.order(isReplaced ? .replace(old.id, with: 4) : .remove(old.id), to: old)
            #expect(trio.answer(order)?.problem == nil)
            #expect(trio.run(within: 8_000) { old.replica?.isLeading == false })
            let since = trio.milliseconds
            // It has told the best of the others to stand at once.
            #expect(trio.run(within: 8_000) { trio.primary != nil && trio.primary !== old })
            #expect(trio.milliseconds - since < 300, "\(trio.milliseconds - since) ms")
            #expect(trio.run(within: 3_000) { isDone(trio, without: old.id) && old.replica?.isRetired == true })
            #expect(trio.primary?.replica?.membership.isVoter(old.id) == false)
            #expect(old.retirements == 1)
            for (number, ask) in hanging {
                let ask = try #require(ask)
                if trio.answer(ask)?.appended == nil {
                    #expect([503, 504].contains(trio.answer(ask)?.problem?.kind.status))
                }
                #expect(trio.append([try registered(number)])?.appended != nil)
            }
            #expect(trio.append([try registered(1)])?.appended?.isRepeat == true)
        }
    }
}
