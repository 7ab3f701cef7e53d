@testable import Backup
import Bytes
import Files
import Keys
import SegmentedLog
import Testing

/// Every file operation of the destination, and of the place of a restore, fails once.
@Suite struct `Crashes` {
    static let failures: [FailingFiles<MemoryFiles>.Failure] = [.stop, .error(5), .shortWrite, .sync, .full]

    /// A destination of two backups, as it should come out.
    private func expected(_ house: House, _ first: BackupStand, _ second: BackupStand) throws -> [String: [UInt8]] {
        let files = MemoryFiles()
        _ = try House.finish(house.run(first, to: files))
        _ = try House.finish(house.run(second, to: files))
        return files.all
    }

    @Test(arguments: failures)
    func `a backup cut off anywhere is whole or does not exist, and is made by the next run`(
        _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let house = try House()
        let first = try house.stand()
        try house.fill(through: 4)
        let second = try house.stand()
        let wanted = try expected(house, first, second)
        var dice = SeededDice(seed: 3)
        var number = 1
        while true {
            let files = MemoryFiles()
            _ = try House.finish(house.run(first, to: files))
            let failing = FailingFiles(files, failing: failure, at: number)
            let isMade = (try? House.finish(house.run(second, to: failing))) != nil
            files.crash(.mixed, dice: &dice)
            let made = try SignedManifest.numbers(in: files.destination)
            if isMade { #expect(made == [1, 2]) }
            for object in made {
                let manifest = try SignedManifest.read(
                    object, in: files.destination, cluster: house.cluster, trust: TestSigner.trust
                ).manifest
                for object in manifest.objects {
                    #expect(files.contents(object.name).map { SHA256.digest($0) } == object.hash, "\(number)")
                }
            }
            if made.last != 2 {
                _ = try House.finish(house.run(second, to: files))
                #expect(files.all == wanted, "\(failure) at \(number)")
            }
            guard failing.hasFailed else { break }
            number += 1
        }
        #expect(number > (failure == .full || failure == .shortWrite ? 2 : 8))
    }

    @Test func `the same run goes on after each error`() throws {
        let house = try House()
        let stand = try house.stand()
        let files = MemoryFiles()
        let wanted = MemoryFiles()
        _ = try House.finish(house.run(stand, to: wanted))
        // Each operation fails once, one after the other: every step gets there in the end.
        var run = BackupRun(
            stand, from: house.files, to: DirectoryDestination(Flaky(files)), signer: TestSigner(),
            trust: TestSigner.trust)
        var errors = 0
        var manifest: Manifest?
        while manifest == nil {
            do throws(BackupError) {
                if case .finished(let made) = try run.step() { manifest = made }
            } catch {
                errors += 1
                try #require(errors < 10_000)
            }
        }
        #expect(errors > 20 && files.all == wanted.all)
    }

    @Test(arguments: failures)
    func `a restore cut off anywhere opens as no log, and goes on`(
        _ failure: FailingFiles<MemoryFiles>.Failure
    ) throws {
        let house = try House()
        let files = MemoryFiles()
        let manifest = try house.backUp(to: files)
        let reader = try BackupReader(files.destination, trust: TestSigner.trust)
        var dice = SeededDice(seed: 4)
        var number = 1
        while true {
            let target = MemoryFiles()
            let failing = FailingFiles(target, failing: failure, at: number)
            let isDone =
                (try? finish(
                    LogRestore(reader.manifest, from: reader.destination, into: failing, directory: "data/log"))) != nil
            target.crash(.mixed, dice: &dice)
            let isLog = target.contents("data/log/" + SegmentFormat.name(of: 1)) != nil
            if isDone { #expect(isLog) }
            if isLog { #expect(try opened(target, house) == manifest.head.index) }
            try finish(LogRestore(reader.manifest, from: reader.destination, into: target, directory: "data/log"))
            #expect(try opened(target, house) == manifest.head.index, "\(failure) at \(number)")
            #expect(target.paths.count == 3)
            guard failing.hasFailed else { break }
            number += 1
        }
        #expect(number > 3)
    }

    private func finish<D, S>(_ restore: LogRestore<D, S>) throws(BackupError) {
        var restore = restore
        while true {
            if case .finished = try restore.step() { return }
        }
    }

    /// The last index of the restored log.
    private func opened(_ files: MemoryFiles, _ house: House) throws -> UInt64 {
        let (log, recovery) = try EntryLog<MemoryFiles, PlainEntries>.open(
            store: files.copy(), directory: "data/log", identity: house.cluster, keys: House.keys(house.cluster),
            crypto: try Crypto(), leaves: PlainEntries())
        #expect(recovery == .whole)
        return log.lastIndex
    }
}

/// A store whose every operation fails the first time it is tried after one that worked.
final class Flaky: FileStore {
    private let inner: MemoryFiles

    init(_ inner: MemoryFiles) { self.inner = inner }

    private func check() throws(FileError) {
        // Fails less and less often, so that a step of many operations ends.
        tried += 1
        if tried >= due {
            due = tried + 1 + failures / 4
            failures += 1
            throw .io(5)
        }
    }
    private var tried = 0
    private var due = 1
    private var failures = 0

    func open(_ path: String, _ mode: FileMode) throws(FileError) -> FileHandle {
        try check()
        return try inner.open(path, mode)
    }
    func close(_ file: FileHandle) { inner.close(file) }
    func read(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try check()
        return try inner.read(file, at: offset, count: count)
    }
    func readThrough(_ file: FileHandle, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try check()
        return try inner.readThrough(file, at: offset, count: count)
    }
    func write(_ file: FileHandle, at offset: Int, _ bytes: [UInt8]) throws(FileError) {
        try check()
        try inner.write(file, at: offset, bytes)
    }
    func size(_ file: FileHandle) throws(FileError) -> Int {
        try check()
        return try inner.size(file)
    }
    func truncate(_ file: FileHandle, to size: Int) throws(FileError) {
        try check()
        try inner.truncate(file, to: size)
    }
    func sync(_ file: FileHandle) throws(FileError) {
        try check()
        try inner.sync(file)
    }
    func syncDirectory(_ path: String) throws(FileError) {
        try check()
        try inner.syncDirectory(path)
    }
    func rename(_ source: String, to target: String) throws(FileError) {
        try check()
        try inner.rename(source, to: target)
    }
    func remove(_ path: String) throws(FileError) {
        try check()
        try inner.remove(path)
    }
    func exists(_ path: String) throws(FileError) -> Bool {
        try check()
        return try inner.exists(path)
    }
    func list(_ path: String) throws(FileError) -> [String] {
        try check()
        return try inner.list(path)
    }
    func makeDirectory(_ path: String) throws(FileError) {
        try check()
        try inner.makeDirectory(path)
    }
    func freeSpace() throws(FileError) -> Int { try inner.freeSpace() }
}
