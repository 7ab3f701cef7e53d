/// The names on a disk in memory: as a reader sees them, and as the disk holds them. A name made, renamed or removed
/// reaches the disk with the next sync of its directory, or in a crash if chance will have it.
package struct FileNames: Sendable {
    /// Path to number of file, as a reader sees the names.
    package private(set) var seen: [String: Int] = [:]
    /// The same as the disk holds it, less what `pending` would change.
    package private(set) var durable: [String: Int] = [:]
    /// "" is the root.
    package private(set) var directories: Set<String> = [""]
    /// Changes since their directory was last synced, in order.
    private var pending: [Change] = []

    package init() {}

    /// Names that are all on the disk.
    package init(durably names: [String: Int], directories: Set<String>) {
        seen = names
        durable = names
        self.directories = directories
    }

    /// The paths of all files as a reader sees them, sorted.
    package var paths: [String] { seen.keys.sorted() }

    package mutating func create(_ path: String, number: Int) throws(FileError) {
        guard directories.contains(Self.directory(of: path)) else { throw .missing }
        change(.put(path, number))
    }

    package mutating func rename(_ source: String, to target: String) { change(.move(source, target)) }

    package mutating func remove(_ path: String) { change(.take(path)) }

    package func exists(_ path: String) -> Bool { seen[path] != nil || directories.contains(path) }

    /// The names in a directory, sorted by bytes.
    package func list(_ path: String) throws(FileError) -> [String] {
        guard directories.contains(path) else { throw .missing }
        let inside = (Array(seen.keys) + Array(directories)).filter { $0 != "" && Self.directory(of: $0) == path }
        return inside.map { Self.name(of: $0) }.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
    }

    package mutating func makeDirectory(_ path: String) {
        var part = path
        while part != "" {
            directories.insert(part)
            part = Self.directory(of: part)
        }
    }

    package mutating func syncDirectory(_ path: String) throws(FileError) {
        guard directories.contains(path) else { throw .missing }
        var rest: [Change] = []
        for change in pending {
            if change.directories.contains(path) { Self.apply(change, to: &durable) } else { rest.append(change) }
        }
        pending = rest
    }

    /// The power goes: of each change that was not synced, in order, `keeps` says whether it reached the disk.
    package mutating func crash(keeps: () -> Bool) {
        for change in pending where keeps() { Self.apply(change, to: &durable) }
        pending = []
        seen = durable
    }

    /// Puts a durable name in place, past every rule.
    package mutating func put(_ path: String, number: Int) {
        seen[path] = number
        durable[path] = number
        pending.removeAll { $0.paths.contains(path) }
        makeDirectory(Self.directory(of: path))
    }

    private mutating func change(_ change: Change) {
        Self.apply(change, to: &seen)
        pending.append(change)
    }

    private static func apply(_ change: Change, to names: inout [String: Int]) {
        switch change {
        case .put(let path, let number): names[path] = number
        case .take(let path): names[path] = nil
        case .move(let source, let target):
            guard let number = names[source] else { return }
            names[source] = nil
            names[target] = number
        }
    }

    /// What stands before the last slash; "" for the root.
    package static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return "" }
        return String(path[..<slash])
    }

    /// What stands behind the last slash.
    package static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return path }
        return String(path[path.index(after: slash)...])
    }

    private enum Change: Sendable {
        case put(String, Int)
        case take(String)
        case move(String, String)

        var paths: [String] {
            switch self {
            case .put(let path, _), .take(let path): [path]
            case .move(let source, let target): [source, target]
            }
        }
        var directories: [String] { paths.map { FileNames.directory(of: $0) } }
    }
}
