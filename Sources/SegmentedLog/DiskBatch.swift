package import Files

/// One thing to do to a file. Paths are those of the store.
package enum DiskOrder: Sendable {
    /// Opens the file for what follows, making it if need be.
    case make(String)
    /// Lengthens the file with written zeros; nothing when it is that long already.
    case fill(String, through: Int)
    case write(String, at: Int, bytes: [UInt8])
    /// Zeros over what there is in the range; lengthens nothing.
    case zero(String, Range<Int>)
    case sync(String)
    case rename(String, to: String)
    case remove(String)
    case syncDirectory(String)
}

/// What the log wants on the disk, in the order to do it. Carried out by the writer's thread with its own store; once
/// `orders` are done, `persisted(batch:)` is the fact. A failure of `orders` is final: stop the process.
package struct DiskBatch: Sendable {
    /// 1, 2, 3 … in one life of the log.
    package let number: UInt64
    package let orders: [DiskOrder]
    /// Filling ahead, to be done after the fact was told; may fail for want of space without harm.
    package let afterwards: [DiskOrder]
    /// Everything through this index is durable when the orders are done.
    package let lastIndex: UInt64

    package init(number: UInt64, orders: [DiskOrder], afterwards: [DiskOrder], lastIndex: UInt64) {
        self.number = number
        self.orders = orders
        self.afterwards = afterwards
        self.lastIndex = lastIndex
    }

    /// Does everything, with fresh handles. The writer's thread uses a `DiskHand`, which keeps them.
    package func carryOut(on store: some FileStore) throws(FileError) {
        let hand = DiskHand(store)
        defer { hand.release() }
        try hand.carryOut(self)
        try hand.carryOutAfterwards(self)
    }
}

/// Carries out orders and keeps the few files open that they name.
package final class DiskHand<Store: FileStore> {
    package let store: Store
    private var open: [(path: String, handle: FileHandle)] = []
    private static var openMax: Int { 4 }
    /// Zeros written at once while filling.
    private let zeros = [UInt8](repeating: 0, count: 256 << 10)

    package init(_ store: Store) { self.store = store }

    package func carryOut(_ batch: DiskBatch) throws(FileError) { try carryOut(batch.orders) }

    /// A full disk ends it early without an error: the next batch will extend files as it writes.
    package func carryOutAfterwards(_ batch: DiskBatch) throws(FileError) {
        do throws(FileError) {
            try carryOut(batch.afterwards)
        } catch {
            guard error == .full else { throw error }
        }
    }

    package func carryOut(_ orders: [DiskOrder]) throws(FileError) {
        for order in orders {
            switch order {
            case .make(let path): _ = try handle(path, creating: true)
            case .fill(let path, let through): try fill(path, through: through)
            case .write(let path, let offset, let bytes): try store.write(try handle(path), at: offset, bytes)
            case .zero(let path, let range): try zero(path, range)
            case .sync(let path): try store.sync(try handle(path))
            case .rename(let source, let target): try rename(source, to: target)
            case .remove(let path): try remove(path)
            case .syncDirectory(let path): try store.syncDirectory(path)
            }
        }
    }

    /// Closes all files.
    package func release() {
        for (_, handle) in open { store.close(handle) }
        open = []
    }

    private func fill(_ path: String, through: Int) throws(FileError) {
        let file = try handle(path)
        var size = try store.size(file)
        while size < through {
            let count = min(zeros.count, through - size)
            try store.write(file, at: size, count == zeros.count ? zeros : Array(zeros[..<count]))
            size += count
        }
    }

    private func zero(_ path: String, _ range: Range<Int>) throws(FileError) {
        let file = try handle(path)
        let end = min(range.upperBound, try store.size(file))
        var offset = range.lowerBound
        while offset < end {
            let count = min(zeros.count, end - offset)
            try store.write(file, at: offset, count == zeros.count ? zeros : Array(zeros[..<count]))
            offset += count
        }
    }

    /// A file made later may have the same name.
    private func remove(_ path: String) throws(FileError) {
        if let place = open.firstIndex(where: { $0.path == path }) { store.close(open.remove(at: place).handle) }
        try store.remove(path)
    }

    private func rename(_ source: String, to target: String) throws(FileError) {
        try store.rename(source, to: target)
        for index in open.indices where open[index].path == source { open[index].path = target }
    }

    private func handle(_ path: String, creating: Bool = false) throws(FileError) -> FileHandle {
        if let found = open.first(where: { $0.path == path }) { return found.handle }
        if open.count == Self.openMax { store.close(open.removeFirst().handle) }
        let mode: FileMode = creating ? (try store.exists(path) ? .readWrite : .create) : .readWrite
        let handle = try store.open(path, mode)
        open.append((path, handle))
        return handle
    }
}
