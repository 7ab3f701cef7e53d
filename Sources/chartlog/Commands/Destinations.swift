import Backup
import Bytes
import Files
import JSON
import Keys
import Linux
import SegmentedLog
import Server

/// Directories of backups, looked at and kept offline.
extension Command {
    private static let place = [
        Option("from", .text, "DIR", "the same as DIR"),
        Option("to", .text, "DIR", "the same as DIR, as backup create has it"),
    ]

    static let backupList = Command(
        "backup list", "DIR", summary: "the backups that are kept in a directory",
        story: "Which there are, what they reach to, and whether all of each is there: else exit 1. Needs no key.",
        options: place + [.json] + KeySource.options, operands: 0...1
    ) { arguments throws(Failure) in
        let destination = try Destinations.open(arguments)
        let list = try Destinations.asked { () throws(BackupError) in
            try BackupList(destination, trust: Destinations.trust(arguments))
        }
        let isWhole = list.findings.isEmpty && list.entries.allSatisfy(\.isUsable)
        if arguments.has("json") {
            Output.line(Destinations.json(list))
            guard isWhole else { throw Failure(.failed, "") }
            return
        }
        var table = Table([
            .init(title: "backup", alignsRight: true), .init(title: "made (UTC)"),
            .init(title: "position", alignsRight: true), .init(title: "records", alignsRight: true),
            .init(title: "covers (UTC)"), .init(title: "bytes", alignsRight: true), .init(title: "state"),
        ])
        for entry in list.entries {
            guard let manifest = entry.manifest else {
                table.add([
                    String(entry.number), "", "", "", "", "", entry.flaw.map { "not to be believed: \($0)" } ?? "",
                ])
                continue
            }
            let state =
                !entry.missing.isEmpty
                ? "\(entry.missing.count) objects missing"
                : entry.holds.isEmpty ? "whole" : "on hold: " + entry.holds.map(Screen.safe).joined(separator: ", ")
            table.add([
                String(entry.number), Times.toTheSecond(manifest.madeAt.text), Screen.grouped(manifest.head.position),
                Screen.grouped(manifest.head.record),
                "\(Times.toTheSecond(manifest.head.firstStamp.text)) to \(Times.toTheSecond(manifest.head.stamp.text))",
                Screen.grouped(manifest.bytes), state,
            ])
        }
        table.show()
        for finding in list.findings { Output.complaint(Screen.complaintStyle("! \(Screen.safe(finding.sentence))")) }
        guard isWhole else { throw Failure(.failed, "") }
    }

    static let backupVerify = Command(
        "backup verify", "DIR [--all]", summary: "prove that a backup can be restored, without restoring it",
        story: """
            Every hash, every signature, the chain of backups. With keys also: every frame opens, and folding them all gives the
            views' digests that were written down when the backup was made. Names the first bad byte of each object that is not
            as it was written; exit 1. The newest backup, unless --all or --backup N says otherwise.
            """,
        options: place + [
            Option("all", .flag, "", "all backups that are there"),
            Option("backup", .position, "N", "the backup of this number"), .json, .progress,
            Option("context", .text, "FILE", "a context in the directory of the store, which has its root key"),
        ] + KeySource.options, operands: 0...1
    ) { arguments throws(Failure) in
        let destination = try Destinations.open(arguments)
        let keys = try KeySource.find(arguments)
        if let keys { try Destinations.check(keys, of: destination) }
        var scope = BackupScope.newest
        if arguments.has("all") { scope = .all }
        if let number = arguments.text("backup").flatMap({ UInt64($0) }) { scope = .number(number) }
        var progress = Progress("verifying", unit: "bytes", total: nil, wanted: arguments.has("progress"))
        var last = 0
        func told(_ done: Int, _ of: Int) {
            last = done
            progress.reached(done)
        }
        let report = try Destinations.asked { () throws(BackupError) in
            guard let keys else {
                return try BackupVerifier.verify(destination, scope: scope, trust: .anybody, progress: told)
            }
            let crypto: Crypto
            do throws(KeyError) { crypto = try Crypto() } catch { throw .key(error) }
            return try BackupVerifier.verify(
                destination, scope: scope, trust: .of(keys), keys: keys, crypto: crypto, progress: told)
        }
        progress.ended(last)
        if arguments.has("json") {
            Output.line(Destinations.json(report))
        } else {
            let numbers = report.verified.map { String($0) }.joined(separator: ", ")
            Output.line(
                "\(report.isOK ? "whole" : "DAMAGED"): backup \(numbers), \(Screen.grouped(report.objects)) objects, "
                    + "\(Screen.grouped(report.bytes)) bytes")
            if keys == nil {
                Output.line("hashes and signatures alone; give the keys to open every frame and fold it")
            }
            for finding in report.findings { Output.line("  " + Screen.safe(finding.sentence)) }
        }
        guard report.isOK else { throw Failure(.failed, "") }
    }

    static let backupExpire = Command(
        "backup expire", "DIR [--keep N] [--yes]", summary: "remove old backups by a policy, never what is needed",
        story: """
            Keeps the newest N, all of the last days, and one of each day for a while longer; what a kept backup needs and what
            is on hold stays. Shows what would go; with --yes it goes. Needs the keys, since what went is written down, signed.
            """,
        options: place + [
            Option("keep", .number(1...1_000_000), "N", "the newest backups to keep (default 7)"),
            Option("all-days", .number(0...36_500), "D", "keep all of so many days (default 2)"),
            Option("daily-days", .number(0...36_500), "D", "keep one of each of so many days (default 35)"),
            Option("yes", .flag, "", "do it"), .json,
            Option("context", .text, "FILE", "a context in the directory of the store, which has its root key"),
        ] + KeySource.options, operands: 0...1
    ) { arguments throws(Failure) in
        let destination = try Destinations.open(arguments)
        let keys = try KeySource.need(arguments)
        try Destinations.check(keys, of: destination)
        let policy = BackupPolicy(
            keepLast: arguments.number("keep", or: 7), keepAllDays: arguments.number("all-days", or: 2),
            keepDailyDays: arguments.number("daily-days", or: 35))
        let plan = try Destinations.asked { () throws(BackupError) in
            let lock = try Destinations.lock(arguments, isNeeded: arguments.has("yes"))
            defer { withExtendedLifetime(lock) {} }
            let signer: KeyRingSigner
            do throws(KeyError) { signer = try KeyRingSigner(keys) } catch { throw .key(error) }
            var expiry = try BackupExpiry(
                destination, policy: policy, now: LinuxClock.wall(), signer: signer, trust: .of(keys))
            guard arguments.has("yes") else { return expiry.plan }
            while true {
                if case .finished(let plan) = try expiry.step() { return plan }
            }
        }
        if arguments.has("json") { return Output.line(Destinations.json(plan, isDone: arguments.has("yes"))) }
        let gone = plan.expired.map { String($0) }.joined(separator: ", ")
        let verb = arguments.has("yes") ? "removed" : "would go"
        Output.line(
            plan.expired.isEmpty
                ? "nothing is due: \(plan.kept.count) backups stay"
                : "\(verb): backups \(gone) and \(Screen.grouped(plan.objects.count)) objects, "
                    + "\(Screen.grouped(plan.bytes)) bytes; \(plan.kept.count) backups stay")
        if !arguments.has("yes"), !plan.expired.isEmpty { Output.line("nothing was changed; with --yes they go") }
    }

    static let backupHold = Command(
        "backup hold", "DIR NAME [--backup N | --release]", summary: "keep a backup from expiry, or let it go",
        story: "NAME is the hold's own: letters, digits, dots and dashes. It holds no patient's word.",
        options: [
            Option("backup", .position, "N", "the backup of this number (default the newest)"),
            Option("release", .flag, "", "release the hold of this name"),
        ], operands: 2...2
    ) { arguments throws(Failure) in
        let destination = try Destinations.open(arguments)
        let name = arguments.operands[1]
        guard BackupLayout.isPlain(name) else {
            throw Failure(.usage, "a hold's name is of letters, digits, dots and dashes")
        }
        try Destinations.asked { () throws(BackupError) in
            let lock = try Destinations.lock(arguments)
            defer { withExtendedLifetime(lock) {} }
            if arguments.has("release") { return try BackupHold.release(name, in: destination) }
            var number = arguments.text("backup").flatMap { UInt64($0) }
            if number == nil { number = try BackupList(destination, trust: .anybody).entries.last?.number }
            guard let number else { throw .empty }
            try BackupHold.place(name, on: number, at: LinuxClock.wall(), in: destination)
        }
        Output.line(arguments.has("release") ? "released" : "held")
    }
}

/// What the commands of this file share.
enum Destinations {
    /// The directory that is named by operand or by `--from`.
    static func open(_ arguments: Arguments) throws(Failure) -> DirectoryDestination<LinuxFiles> {
        guard let path = path(arguments) else {
            throw Failure(.usage, "which backups? Name their directory")
        }
        do throws(FileError) {
            return DirectoryDestination(try LinuxFiles(root: path))
        } catch {
            throw Failure(.failed, "there is no such directory: \(Screen.safe(path))")
        }
    }

    private static func path(_ arguments: Arguments) -> String? {
        arguments.operands.first ?? arguments.text("from") ?? arguments.text("to")
    }

    /// - Throws: when the keys are not of the store whose backups these are.
    static func check(
        _ keys: KeyRing, of destination: DirectoryDestination<LinuxFiles>
    ) throws(Failure) {
        guard let marker = try asked({ () throws(BackupError) in try BackupMarker.find(in: destination) }),
            marker.cluster.bytes != keys.clusterID
        else { return }
        throw Failure(
            .failed,
            "the keys are another store's: these are backups of cluster \(Hex.text(of: marker.cluster.bytes))",
            "give the escrow of that store by --keys, or its directory by --store")
    }

    /// Whether a path is that of a directory of backups, or lies within one.
    static func isAmongBackups(_ path: String) -> Bool {
        var part = ThisProcess.absolute(path)[...]
        while true {
            if SmallFile.exists(part + "/" + BackupLayout.marker) { return true }
            guard let slash = part.lastIndex(of: "/"), part.count > 1 else { return false }
            part = part[..<slash]
        }
    }

    /// Keeps others away from the directory for as long as it lives: a backup that is being made names objects that an
    /// expiry would take for nobody's.
    ///
    /// - Throws: `.busy` when somebody is at work there for longer than a moment.
    static func lock(_ arguments: Arguments, isNeeded: Bool = true) throws(BackupError) -> DestinationLock? {
        guard isNeeded, let path = path(arguments) else { return nil }
        return try DestinationLock(path, waiting: 5_000)
    }

    /// Whom to believe: who has the keys knows who may sign.
    static func trust(_ arguments: Arguments) -> BackupTrust {
        guard let keys = try? KeySource.find(arguments) else { return .anybody }
        return .of(keys)
    }

    static func asked<Value>(_ work: () throws(BackupError) -> Value) throws(Failure) -> Value {
        do throws(BackupError) {
            return try work()
        } catch {
            throw Failure(.failed, Screen.safe(error.headline), Screen.safe(error.advice))
        }
    }
}
