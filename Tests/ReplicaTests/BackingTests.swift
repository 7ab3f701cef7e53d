import Bytes
import Files
import Keys
import Records
@testable import Replica
import SegmentedLog
import Testing
import Views

/// Backups as a replica sees them: who may order one, what it is made of, what becomes of it, and who records it.
@Suite struct `A backup that is ordered` {
    private func store(configure: (inout ReplicaConfiguration) -> Void = { _ in }) throws -> Shell<MemoryFiles> {
        let shell = try Shell(ClinicStore.made(), configure: configure).start()
        for number in 1...5 {
            #expect(shell.append([try ClinicStore.registered("p-\(number)", id: "\(number)")])?.appended != nil)
        }
        return shell
    }

    private func order(_ shell: Shell<MemoryFiles>, to place: String?, as credential: String = "admin") -> Answer? {
        let id = shell.newID()
        shell.tick()
        shell.tell([.operate(id, ClinicStore.caller(credential), .backUp(to: place))])
        return shell.answers[id]?.last
    }

    @Test func `is made of what is committed, folded and on the disk, and recorded once it is made`() throws {
        let shell = try store()
        let begun = try #require(order(shell, to: "/backups")?.backups)
        #expect(begun.jobs.map(\.state) == [.running] && begun.jobs[0].orderedBy == "administrator")
        let job = try #require(shell.jobs.last)
        #expect(job.destinations == ["/backups"])
        let end = try #require(job.stand.slices.last?.end)
        #expect(end.nextPosition - 1 == 5 && end.nextIndex - 1 <= shell.replica.log.durableIndex)
        #expect(job.stand.digests == shell.book.digests && job.stand.record == shell.book.record)
        let records = shell.book.record
        var progress = BackupStatus.Progress()
        progress.bytesDone = 7
        shell.tell([.backupProgressed(job.id, progress)])
        #expect(shell.replica.backupStatus.jobs[0].progress.bytesDone == 7)
        shell.tell([.backupEnded(job.id, .made(manifest: 3, hash: end.hash))])
        shell.tick()
        let status = shell.replica.backupStatus
        #expect(status.jobs[0].state == .done && status.jobs[0].manifest == 3 && status.ageSeconds == 0)
        #expect(shell.book.record == records + 1)
        let page = shell.page(SearchQuery(kind: .auditEvent, parameters: [.agent(["administrator"])]))
        let details = (page?.resources ?? []).compactMap { shown -> AuditDetail? in
            if case .audit(let detail) = shown.content { detail } else { nil }
        }
        let made = try #require(details.first { $0.type == "backup.made" })
        #expect(made.actorID == "admin" && made.query?.contains("backup 3 at /backups, through position 5") == true)
    }

    @Test func `waits for a snapshot that ends where its log does, if there is enough to fold`() throws {
        let shell = try store { $0.snapshotEvery = 96 }
        shell.holdsBackground = true
        #expect(order(shell, to: "/b")?.backups?.jobs.map(\.state) == [.running])
        #expect(shell.jobs.isEmpty, "the snapshot is not written yet")
        #expect(order(shell, to: "/b")?.problem?.kind == .orderRefused, "it is being made all the same")
        #expect(shell.append([try ClinicStore.registered("p-6", id: "6")])?.appended != nil, "nobody waits for it")
        shell.workAll()
        let job = try #require(shell.jobs.last)
        #expect(shell.jobs.count == 1)
        let head = try #require(job.stand.slices.last?.end)
        #expect(head.nextPosition == 6, "what came meanwhile is for the next one")
        let snapshots = SnapshotStore(
            store: shell.store, place: shell.replica.viewPlace, crypto: try Crypto()
        )
        #expect(try snapshots.load().snapshot?.stand.index == head.nextIndex - 1)
        shell.tell([.backupEnded(job.id, .made(manifest: 1, hash: head.hash))])
        #expect(order(shell, to: "/b")?.backups != nil)
        #expect(shell.jobs.count == 2, "an event more is not enough for another")
    }

    @Test func `is made without a snapshot that cannot be written`() throws {
        let shell = try store { $0.snapshotEvery = 16 }
        shell.holdsBackground = true
        #expect(order(shell, to: "/b")?.backups != nil && shell.jobs.isEmpty)
        shell.store.capacity = 0
        shell.workAll()
        shell.store.capacity = .max
        #expect(shell.replica.background.hasFailed && shell.jobs.count == 1)
    }

    @Test func `needs who administers, a place, and that none is being made`() throws {
        let shell = try store()
        #expect(order(shell, to: "/b", as: "svc")?.problem?.kind == .forbidden)
        #expect(order(shell, to: nil)?.problem?.kind == .malformedRequest)
        #expect(order(shell, to: "/b")?.backups != nil)
        #expect(order(shell, to: "/b")?.problem?.kind == .orderRefused)
        let job = try #require(shell.jobs.last)
        shell.tell([.backupEnded(job.id, .failed("The disk is full."))])
        let status = shell.replica.backupStatus
        #expect(status.jobs[0].state == .failed && status.jobs[0].problem == "The disk is full.")
        #expect(shell.status?.warnings.contains { $0.hasPrefix("The last backup failed") } == true)
        #expect(order(shell, to: "/b")?.backups != nil)
        #expect(shell.jobs.count == 2)
    }

    @Test func `is due by the schedule, once it is known when the last one was made`() throws {
        let shell = try store {
            $0.backupDestinations = ["/a", "/b"]
            $0.backupMilliseconds = 3_600_000
        }
        for _ in 0..<10 { shell.tick(10_000) }
        #expect(shell.jobs.isEmpty, "nobody has looked at the destinations")
        shell.tell([.backupsFound(newest: shell.wall, isEscrowed: false)])
        for _ in 0..<10 { shell.tick(60_000) }
        #expect(shell.jobs.isEmpty, "ten minutes are no hour")
        for _ in 0..<51 { shell.tick(60_000) }
        #expect(shell.jobs.map(\.destinations) == [["/a", "/b"]])
        let job = try #require(shell.jobs.last)
        shell.tell([.backupEnded(job.id, .failed("The destination is away."))])
        shell.tick(30_000)
        #expect(shell.jobs.count == 1, "it is not tried again at once")
        for _ in 0..<35 { shell.tick(60_000) }
        #expect(shell.jobs.count == 2)
        let warnings = shell.status?.warnings ?? []
        #expect(warnings.contains { $0.hasPrefix("No backup was made for longer") })
        #expect(warnings.contains { $0.contains("not escrowed") })
        shell.tell([.backupsFound(newest: shell.wall, isEscrowed: true)])
        let better = shell.status?.warnings ?? []
        #expect(!better.contains { $0.hasPrefix("No backup was made") || $0.contains("not escrowed") })
    }

    @Test func `is due though the newest is stamped in the future, and the schedule begins nothing anew`() throws {
        let shell = try store {
            $0.backupDestinations = ["/a"]
            $0.backupMilliseconds = 3_600_000
        }
        let year = Instant(microseconds: shell.wall.microseconds + 31_536_000_000_000)
        shell.tell([.backupsFound(newest: year, isEscrowed: true)])
        #expect(shell.status?.warnings.contains { $0.hasPrefix("The newest backup is stamped later") } == true)
        #expect(shell.replica.backupStatus.ageSeconds == nil)
        shell.tick(1_000)
        let job = try #require(shell.jobs.last)
        #expect(job.goesOn, "there were backups: an empty directory in their place is not begun")
        shell.tell([.backupEnded(job.id, .made(manifest: 3, hash: .zero))])
        shell.tell([.backupsFound(newest: year, isEscrowed: true)])
        for _ in 0..<50 { shell.tick(60_000) }
        #expect(shell.jobs.count == 1, "this one was made now")
        for _ in 0..<20 { shell.tick(60_000) }
        #expect(shell.jobs.count == 2)
        shell.tell([.backupEnded(try #require(shell.jobs.last).id, .failed("No."))])
        #expect(order(shell, to: "/a")?.backups != nil)
        #expect(shell.jobs.last?.goesOn == false, "who orders one may begin anew")
    }

    @Test func `is recorded in the end, though the primary that first heard of it is cut off before that is decided`()
        throws
    {
        let trio = try Trio(seed: 12)
        let primary = try #require(trio.lead())
        #expect(trio.append([try ClinicStore.registered("p-1", id: "1")])?.appended != nil)
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let maker = try #require(trio.members.first { $0.id != primary.id })
        #expect(trio.answer(trio.order(.backUp(to: "/b"), to: maker))?.backups != nil)
        let job = try #require(maker.jobs.last)
        // Its log reaches nobody's disk, the primary's own among them.
        for member in trio.members { member.holdsDisk = true }
        maker.inputs.append(.backupEnded(job.id, .made(manifest: 1, hash: .zero)))
        trio.run(2_500)
        #expect(maker.replica?.backups.notices.count == 1, "asked again, the primary does not say that it is recorded")
        trio.kill(primary.id)
        for member in trio.members { member.holdsDisk = false }
        #expect(trio.run(within: 20_000) { maker.replica?.backups.notices.isEmpty == true })
    }

    @Test func `of three is made by a secondary and recorded by the primary, whoever that is by then`() throws {
        let trio = try Trio(seed: 9) {
            $0.backupDestinations = ["/a"]
            $0.backupMilliseconds = 60_000
        }
        let primary = try #require(trio.lead())
        #expect(trio.append([try ClinicStore.registered("p-1", id: "1")])?.appended != nil)
        #expect(trio.run(within: 3_000) { trio.isConverged })
        for member in trio.members { member.inputs.append(.backupsFound(newest: nil, isEscrowed: nil)) }
        #expect(trio.run(within: 3_000) { trio.members.contains { !$0.jobs.isEmpty } })
        let makers = trio.members.filter { !$0.jobs.isEmpty }
        let lowest = trio.members.first { $0.id != primary.id }
        #expect(makers.map(\.id) == [lowest?.id], "one secondary alone, the one with the lowest id")
        let maker = try #require(makers.first)
        let job = try #require(maker.jobs.first)
        // The primary dies before it hears of it; the next one is told.
        trio.kill(primary.id)
        maker.inputs.append(.backupEnded(job.id, .made(manifest: 1, hash: .zero)))
        #expect(
            trio.run(within: 20_000) {
                maker.replica?.backups.jobs.last?.state == .done && maker.replica?.backups.notices.isEmpty == true
            })
        let next = try #require(trio.lead())
        let read = trio.put(.search(SearchQuery(kind: .auditEvent, parameters: [.agent(["chartlog"])])), to: next)
        guard case .page(let page)? = trio.answer(read) else {
            Issue.record("no audit trail")
            return
        }
        let made = page.resources.filter { shown in
            if case .audit(let detail) = shown.content { detail.type == "backup.made" } else { false }
        }
        #expect(made.count == 1)
    }

    @Test func `of three that fails is told of by all of them`() throws {
        let trio = try Trio(seed: 13)
        let primary = try #require(trio.lead())
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let maker = try #require(trio.members.last { $0.id != primary.id })
        #expect(trio.answer(trio.order(.backUp(to: "/b"), to: maker))?.backups != nil)
        maker.inputs.append(.backupEnded(try #require(maker.jobs.last).id, .failed("The disk is full.")))
        trio.run(1_000)
        for member in trio.members {
            let warnings = member.replica?.status.warnings ?? []
            let own = member.id == maker.id
            let failed = own ? "The last backup failed" : "The last backup that replica \(maker.id) was to make failed"
            #expect(warnings.contains { $0.hasPrefix(failed) }, "\(member.id): \(warnings)")
            #expect(warnings.count { $0.contains("not escrowed") } == 1)
        }
    }

    @Test func `holds what was acknowledged before, though who makes it did not have that yet`() throws {
        let trio = try Trio(seed: 10)
        let primary = try #require(trio.lead())
        #expect(trio.append([try ClinicStore.registered("p-1", id: "1")])?.appended != nil)
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let maker = try #require(trio.members.first { $0.id != primary.id })
        maker.holdsDisk = true
        #expect(trio.append([try ClinicStore.registered("p-2", id: "2")])?.appended?.position == 2)
        #expect(maker.position < 2, "it lags, and the other two hold the event")
        let ask = trio.order(.backUp(to: "/b"), to: maker)
        trio.run(300)
        #expect(maker.jobs.isEmpty && trio.answers[ask] == nil)
        let second = trio.order(.backUp(to: "/b"), to: maker)
        #expect(trio.answer(second)?.problem?.kind == .orderRefused, "one at a time")
        maker.holdsDisk = false
        #expect(trio.answer(ask)?.backups?.jobs.last?.position == 2)
        #expect(maker.jobs.last?.stand.slices.last?.end.nextPosition == 3)
    }

    @Test func `is refused where nobody tells what has to be in it, and where that does not come`() throws {
        let trio = try Trio(seed: 11)
        let primary = try #require(trio.lead())
        #expect(trio.run(within: 3_000) { trio.isConverged })
        let maker = try #require(trio.members.first { $0.id != primary.id })
        maker.holdsDisk = true
        #expect(trio.append([try ClinicStore.registered("p-1", id: "1")])?.appended != nil)
        let behind = trio.order(.backUp(to: "/b"), to: maker)
        #expect(trio.answer(behind)?.problem?.detail.contains("behind the primary") == true)
        maker.holdsDisk = false
        #expect(trio.run(within: 3_000) { trio.isConverged })
        // Both think that they know who leads; neither can know that nobody else does by now.
        trio.isolate(primary.id)
        trio.isolate(maker.id)
        let alone = [primary, maker].map { trio.order(.backUp(to: "/b"), to: $0) }
        for ask in alone { #expect(trio.answer(ask)?.problem?.detail.contains("Nobody who leads") == true) }
        try trio.heal()
        #expect(trio.lead() != nil)
        #expect(trio.answer(trio.order(.backUp(to: "/b"), to: maker))?.backups != nil)
        #expect(trio.members.flatMap(\.jobs).count == 1)
    }
}

extension Answer {
    var backups: BackupStatus? { if case .backups(let status) = self { status } else { nil } }
}
