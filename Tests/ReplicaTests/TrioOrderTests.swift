import Bytes
import Consensus
import Files
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

@Suite struct `Operators of three replicas` {
    private func registered(_ number: Int) throws -> IncomingEvent {
        try ClinicStore.registered("p-\(number)", id: "e-\(number)")
    }

    @Test func `hand over to the replica they name, and nothing is lost on the way`() throws {
        let trio = try Trio(seed: 11)
        let old = try #require(trio.lead())
        for number in 1...5 { trio.append([try registered(number)]) }
        let target = try #require(trio.members.first { $0.id != old.id })
        let hanging = (6...9).map { try? trio.put([registered($0)], to: old) }
        let before = trio.milliseconds
        let order = trio.order(.handover(to: target.id), to: old)
        #expect(trio.run(within: 200) { trio.primary === target })
        #expect(trio.milliseconds - before < 50)
        guard case .cluster? = trio.answer(order) else { return #expect(Bool(false), "the order is answered") }
        for (at, id) in hanging.enumerated() {
            guard let id, let answer = trio.answer(id) else { continue }
            if answer.appended == nil { #expect([503, 504].contains(answer.problem?.kind.status)) }
            #expect(trio.append([try registered(6 + at)])?.appended != nil)
        }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        #expect(target.position == 9)
        #expect(trio.status(of: target)?.lastFailover?.reason == "handover")
    }

    @Test func `are told of a change when its first step is decided for ever, not before`() throws {
        let trio = try Trio(spares: 1, seed: 19)
        let primary = try #require(trio.lead())
        let leaving = try #require(trio.members.first { $0.id != primary.id && $0.id <= 3 })
        let order = trio.order(.replace(leaving.id, with: 4), to: primary)
        #expect(trio.answer(order)?.problem == nil)
        let replica = try #require(primary.replica)
        let first = try #require(replica.configurations.first { $0.entry.change != nil })
        #expect(first.index <= replica.committedIndex)
    }

    @Test func `are refused what would harm, each for its reason`() throws {
        let trio = try Trio(spares: 1, seed: 12)
        let primary = try #require(trio.lead())
        trio.append([try registered(1)])
        let others = trio.members.filter { $0.id != primary.id && $0.id <= 3 }
        func refused(_ order: OperatorOrder, as credential: String = "admin") -> ProblemKind? {
            trio.answer(trio.order(order, to: primary, as: credential))?.problem?.kind
        }
        #expect(refused(.handover(to: others[0].id), as: "svc") == .forbidden)
        #expect(refused(.handover(to: 77)) == .notFound)
        #expect(refused(.handover(to: 4)) == .notFound, "a spare has no vote")
        #expect(refused(.handover(to: primary.id)) == .orderRefused)
        #expect(refused(.replace(77, with: 4)) == .notFound)
        #expect(refused(.replace(others[0].id, with: others[1].id)) == .orderRefused)
        #expect(refused(.remove(77)) == .notFound)
        trio.kill(others[0].id)
        trio.run(1_100)
        #expect(refused(.handover(to: others[0].id)) == .orderRefused, "it is not reachable")
        #expect(refused(.remove(others[1].id)) == .orderRefused, "the rest would be no quorum")
        let follower = trio.answer(trio.order(.handover(to: nil), to: others[1]))
        #expect(follower?.problem?.kind == .noPrimary)
        #expect(trio.append([try registered(2)])?.appended != nil)
    }

    @Test func `replace a replica by a spare, which then has everything and votes`() throws {
        let trio = try Trio(spares: 2, seed: 13)
        let primary = try #require(trio.lead())
        for number in 1...30 { trio.append([try registered(number)]) }
        let leaving = try #require(trio.members.first { $0.id != primary.id && $0.id <= 3 })
        trio.kill(leaving.id)
        let order = trio.order(.replace(leaving.id, with: 5), to: primary)
        #expect(trio.answer(order)?.problem == nil)
        // Another meanwhile is refused, and is told why.
        #expect(trio.answer(trio.order(.add(4), to: primary))?.problem?.kind == .orderRefused)
        #expect(trio.run(within: 5_000) { primary.replica?.membership.retired == [leaving.id] })
        let voters = [1, 2, 3, 5].filter { $0 != leaving.id }
        #expect(primary.replica?.membership.voters == voters)
        #expect(trio.run(within: 3_000) { trio.isConverged && trio[5].position == 30 })
        // Ids are used once: who comes back is not asked any more, and cannot come in again.
        try trio.boot(leaving.id)
        trio.run(2_000)
        #expect(
            trio.answer(trio.order(.add(leaving.id), to: try #require(trio.primary)))?.problem?.kind == .orderRefused)
        // The new one counts: with another voter gone appends go on.
        let gone = try #require(voters.first { $0 != 5 })
        trio.kill(gone)
        #expect(trio.append([try registered(31)])?.appended != nil)
        for member in trio.members where member.replica != nil { trio.kill(member.id) }
        for voter in voters { try trio.boot(voter) }
        #expect(trio.append([try registered(31)])?.appended?.isRepeat == true)
        #expect(trio.primary?.replica?.membership.voters == voters)
    }

    @Test func `need not replace a lost replica themselves`() throws {
        let trio = try Trio(spares: 2, seed: 14) {
            $0.lostMilliseconds = 2_000
            $0.replacementMilliseconds = 600_000
        }
        _ = try #require(trio.lead())
        for number in 1...10 { trio.append([try registered(number)]) }
        let primary = try #require(trio.primary)
        let lost = try #require(trio.members.first { $0.id != primary.id && $0.id <= 3 })
        trio.kill(lost.id)
        #expect(trio.run(within: 8_000) { trio.primary?.replica?.membership.retired == [lost.id] })
        #expect(trio.primary?.replica?.membership.voters.contains(4) == true)
        #expect(trio.status(of: primary)?.minDurableCopies ?? 0 >= 2)
        // Not two in a row: that is more likely the network.
        let second = try #require(trio.members.first { $0.id != trio.primary?.id && $0.id <= 3 && $0.replica != nil })
        trio.kill(second.id)
        trio.run(5_000)
        let now = try #require(trio.primary)
        #expect(now.replica?.membership.voters.contains(second.id) == true)
        #expect(trio.status(of: now)?.warnings.contains { $0.contains("an order is needed") } == true)
    }

    @Test func `see where every replica stands`() throws {
        let trio = try Trio(spares: 1, seed: 15)
        let primary = try #require(trio.lead())
        for number in 1...10 { trio.append([try registered(number)]) }
        trio.run(1_500)
        let status = try #require(trio.status(of: primary))
        #expect(status.primary == primary.id && status.minDurableCopies == 3)
        #expect(status.members.map(\.id) == [1, 2, 3, 4])
        #expect(status.members.map(\.role).filter { $0 == "secondary" }.count == 2)
        #expect(status.members[3].role == "spare")
        for member in status.members.prefix(3) {
            #expect(member.state == "ready" && member.position == 10 && member.lagEvents == 0 && member.lagSeconds == 0)
            #expect(member.patientDigest == status.members[0].patientDigest)
        }
        let other = try #require(trio.members.first { $0.id != primary.id && $0.id <= 3 })
        #expect(trio.status(of: other)?.primary == primary.id)
        trio.kill(other.id)
        trio.run(6_000)
        trio.append([try registered(11)])
        trio.run(1_500)
        let later = try #require(trio.status(of: primary))
        #expect(later.minDurableCopies == 2)
        #expect(later.members[other.id - 1].state == "suspect" && later.members[other.id - 1].lagEvents == 1)
        #expect(later.members[other.id - 1].lagSeconds > 1)
    }

    @Test func `grow a store of one to three`() throws {
        let trio = try Trio(voters: 1, spares: 2, seed: 16)
        _ = try #require(trio.lead())
        for number in 1...10 { trio.append([try registered(number)]) }
        for id in [2, 3] {
            #expect(trio.answer(trio.order(.add(id), to: trio[1]))?.problem == nil)
            let isDone = trio.run(within: 5_000) {
                trio[1].replica?.newest.change == nil && trio[1].replica?.membership.voters.contains(id) == true
            }
            #expect(isDone)
            // Its last step is committed before the next change begins.
            trio.run(50)
        }
        #expect(trio.run(within: 3_000) { trio.isConverged })
        trio.kill(1)
        #expect(trio.append([try registered(11)])?.appended?.position == 11)
    }

    @Test func `stop all three at once, under load`() throws {
        let trio = try Trio(seed: 20)
        let primary = try #require(trio.lead())
        for number in 1...20 { _ = trio.put([try registered(number)], to: primary) }
        trio.run(2)
        for member in trio.members { member.inputs.append(.stopRequested) }
        #expect(trio.run(within: 6_000) { trio.members.allSatisfy(\.hasStopped) })
    }

    @Test func `can have a replica lead though another hangs`() throws {
        let trio = try Trio(seed: 18)
        let old = try #require(trio.lead())
        trio.append([try registered(1)])
        let target = try #require(trio.members.first { $0.id != old.id })
        old.isPaused = true
        #expect(trio.answer(trio.order(.takeOver(by: nil), to: target, as: "svc"))?.problem?.kind == .forbidden)
        #expect(trio.answer(trio.order(.takeOver(by: old.id), to: target))?.problem?.kind == .orderRefused)
        let before = trio.milliseconds
        let order = trio.order(.takeOver(by: target.id), to: target)
        guard case .cluster(let status)? = trio.answer(order) else { return #expect(Bool(false), "it is answered") }
        #expect(status.primary == target.id && trio.milliseconds - before < 100)
        #expect(trio.answer(trio.put([try registered(2)], to: target))?.appended != nil)
        old.isPaused = false
        #expect(trio.run(within: 3_000) { trio.isConverged && old.replica?.isPrimary == false })
    }

    @Test func `whose clock is ahead of all others lets another lead`() throws {
        let trio = try Trio(seed: 19)
        let old = try #require(trio.lead())
        trio.append([try registered(1)])
        for member in trio.members where member.id != old.id { member.clockOffset = -8_000_000 }
        #expect(trio.run(within: 3_000) { trio.primary != nil && trio.primary !== old })
        let before = try #require(trio.append([try registered(2)])?.appended?.events.first?.recorded)
        #expect(before > Instant(microseconds: 1_790_000_000_000_000), "stamps never go back")
    }

    @Test func `stop a primary, and another leads at once`() throws {
        let trio = try Trio(seed: 17)
        let old = try #require(trio.lead())
        for number in 1...5 { trio.append([try registered(number)]) }
        trio.run(300)
        old.inputs.append(.stopRequested)
        #expect(trio.run(within: 100) { trio.primary != nil && trio.primary !== old })
        #expect(trio.run(within: 3_000) { old.hasStopped })
        #expect(trio.append([try registered(6)])?.appended != nil)
    }
}
