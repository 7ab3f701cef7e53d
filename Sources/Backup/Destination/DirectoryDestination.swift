package import Files
internal import Bytes

/// A directory as a destination: files of the objects' names under a path of a store.
///
/// An object is written under its name with a random part and `.new` behind it, synced, renamed, its directory synced. So
/// a crash leaves at most such a file, which is never listed and which `tidy` removes.
package final class DirectoryDestination<Store: FileStore>: BackupDestination {
    private let store: Store
    private let root: String
    /// Directories whose own names are known to be durable.
    private var durable: [String] = []

    private static var unfinished: String { ".new" }

    /// Whether a file of the destination's root is what an interrupted beginning left.
    package static func isUnfinishedMarker(_ name: String) -> Bool {
        name.hasPrefix(BackupLayout.marker + ".") && name.hasSuffix(unfinished)
    }

    /// - Parameter root: Path of the directory within the store; "" for the store's own root. It is made when needed.
    package init(_ store: Store, root: String = "") {
        self.store = store
        self.root = root
    }

    package func list(_ directory: String) throws(BackupError) -> [BackupObject] {
        let path = path(directory)
        return try files(directory) { () throws(FileError) in
            guard try store.exists(path) else { return [] }
            var found: [BackupObject] = []
            for name in try store.list(path) where !name.hasSuffix(Self.unfinished) {
                let file = try store.open(path.isEmpty ? name : path + "/" + name, .read)
                defer { store.close(file) }
                found.append(
                    BackupObject(
                        name: directory.isEmpty ? name : directory + "/" + name, bytes: try store.size(file)))
            }
            return found
        }
    }

    package func size(_ name: String) throws(BackupError) -> Int? {
        let path = path(name)
        return try files(name) { () throws(FileError) in
            guard try store.exists(path) else { return nil }
            let file = try store.open(path, .read)
            defer { store.close(file) }
            return try store.size(file)
        }
    }

    package func read(_ name: String, atMost limit: Int) throws(BackupError) -> [UInt8] {
        try read(name) { (file) throws(FileError) in
            let bytes = try store.size(file)
            return try store.readThrough(file, at: 0, count: bytes > limit ? limit + 1 : bytes)
        }
    }

    package func readSoon(_ name: String, in range: Range<Int>) throws(BackupError) -> [UInt8] {
        try read(name) { (file) throws(FileError) in
            try store.read(file, at: range.lowerBound, count: range.count)
        }
    }

    package func read(_ name: String, in range: Range<Int>) throws(BackupError) -> [UInt8] {
        try read(name) { (file) throws(FileError) in
            try store.readThrough(file, at: range.lowerBound, count: range.count)
        }
    }

    package func put(_ name: String, _ bytes: [UInt8]) throws(BackupError) {
        let path = path(name)
        let directory = FileNames.directory(of: path)
        let isThere = try files(name) { () throws(FileError) in try store.exists(path) }
        if isThere, try read(name, atMost: bytes.count) != bytes { throw .occupied(object: name) }
        try files(name) { () throws(FileError) in
            if !isThere {
                try make(directory)
                try write(bytes, as: path)
            }
            try store.syncDirectory(directory)
        }
    }

    package func remove(_ name: String) throws(BackupError) {
        let path = path(name)
        try files(name) { () throws(FileError) in
            guard try store.exists(path) else { return }
            try store.remove(path)
            try store.syncDirectory(FileNames.directory(of: path))
        }
    }

    package func tidy() throws(BackupError) {
        for directory in [""] + BackupLayout.directories {
            let path = path(directory)
            try files(directory) { () throws(FileError) in
                guard try store.exists(path) else { return }
                // Beside the directories stand other people's files, perhaps.
                let left = try store.list(path).filter {
                    directory.isEmpty ? Self.isUnfinishedMarker($0) : $0.hasSuffix(Self.unfinished)
                }
                for name in left { try store.remove(path.isEmpty ? name : path + "/" + name) }
                if !left.isEmpty { try store.syncDirectory(path) }
            }
        }
    }

    private func path(_ name: String) -> String {
        if root.isEmpty { return name }
        return name.isEmpty ? root : root + "/" + name
    }

    /// A new directory's name must last before what is in it can.
    private func make(_ directory: String) throws(FileError) {
        guard !directory.isEmpty, !durable.contains(directory) else { return }
        try store.makeDurably(directory)
        durable.append(directory)
    }

    private func write(_ bytes: [UInt8], as path: String) throws(FileError) {
        // Its own name, so that of two who write the same object neither finishes what the other began.
        let draft = "\(path).\(String(UInt64.random(in: .min ... .max), radix: 16))\(Self.unfinished)"
        let file = try store.open(draft, .create)
        defer { store.close(file) }
        try store.writeMuch(file, bytes)
        try store.sync(file)
        try store.rename(draft, to: path)
    }

    private func read(
        _ name: String, _ body: (FileHandle) throws(FileError) -> [UInt8]
    ) throws(BackupError) -> [UInt8] {
        let path = path(name)
        return try files(name) { () throws(FileError) in
            let file = try store.open(path, .read)
            defer { store.close(file) }
            return try body(file)
        }
    }

    private func files<Value>(
        _ name: String, _ body: () throws(FileError) -> Value
    ) throws(BackupError) -> Value {
        do throws(FileError) { return try body() } catch {
            throw error == .missing ? .missing(object: name) : .file(error, object: name)
        }
    }
}

extension FileStore {
    /// Makes a directory and those above it, and their names durable.
    func makeDurably(_ directory: String) throws(FileError) {
        try makeDirectory(directory)
        var part = directory
        while !part.isEmpty {
            part = FileNames.directory(of: part)
            try syncDirectory(part)
        }
    }
}
