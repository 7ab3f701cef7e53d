import Files
import JSON
import Linux

/// One event of a file, and the line it begins on.
struct InputEvent {
    var bytes: [UInt8]
    var line: Int
}

/// Structured CloudEvents from a file or standard input, as NDJSON or as one JSON array, read as they are needed.
struct EventInput: ~Copyable {
    private let source: Source
    /// Bytes read and not yet handed out, from `start` on.
    private var buffer: [UInt8] = []
    private var start = 0
    private var line = 1
    private var isAtEnd = false
    /// The elements of an array, the next last; nil for NDJSON.
    private var elements: [InputEvent]?
    private var isArrayKnown = false
    /// An event that did not fit into the batch before.
    private var held: InputEvent?
    private(set) var bytesDone = 0
    /// nil for standard input.
    let bytesTotal: Int?

    /// An array is read whole; NDJSON may be of any length.
    static let arrayBytesMax = 1 << 30
    static let eventBytesMax = 16 << 20

    init(_ path: String) throws(Failure) {
        source = try Source(path)
        bytesTotal = source.size
    }

    /// The next events, at most so many and so many bytes (but at least one); nil at the end.
    mutating func nextBatch(events: Int, bytes: Int) throws(Failure) -> [InputEvent]? {
        var batch: [InputEvent] = []
        var size = 2
        while batch.count < events {
            if held == nil { held = try next() }
            guard let event = held else { break }
            held = nil
            guard batch.isEmpty || size + event.bytes.count < bytes else {
                held = event
                break
            }
            size += event.bytes.count + 1
            bytesDone += event.bytes.count + 1
            batch.append(event)
        }
        return batch.isEmpty ? nil : batch
    }

    private mutating func next() throws(Failure) -> InputEvent? {
        if !isArrayKnown { try findForm() }
        if elements != nil { return elements?.popLast() }
        while let (bytes, number) = try nextLine() {
            if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }) { continue }
            return InputEvent(bytes: try Self.checked(bytes, number), line: number)
        }
        return nil
    }

    /// An event is one JSON object: nothing in a line may end it and begin another.
    private static func checked(_ bytes: [UInt8], _ line: Int) throws(Failure) -> [UInt8] {
        let text: JSONText
        do throws(JSONError) {
            text = try JSONText(parsing: bytes, limits: JSONLimits(depth: 128))
        } catch {
            throw Failure(.failed, "line \(line): not JSON (\(error.kind.rawValue), at byte \(error.offset + 1))")
        }
        guard text.kind(of: text.root) == .object else {
            throw Failure(.failed, "line \(line): an event is a JSON object")
        }
        return bytes
    }

    private mutating func findForm() throws(Failure) {
        isArrayKnown = true
        while try fill() {
            guard let first = buffer.first(where: { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }) else { continue }
            guard first == 0x5b else { return }
            while try fill() {
                guard buffer.count <= Self.arrayBytesMax else {
                    throw Failure(.failed, "an array of more than 1 GiB: send it as NDJSON")
                }
            }
            return try readArray()
        }
    }

    private mutating func readArray() throws(Failure) {
        let text: JSONText
        do throws(JSONError) {
            text = try JSONText(parsing: buffer, limits: JSONLimits(depth: 128, bytes: Self.arrayBytesMax))
        } catch {
            let line = 1 + buffer[..<min(error.offset, buffer.count)].count { $0 == 0x0a }
            throw Failure(.failed, "line \(line): not JSON (\(error.kind.rawValue))")
        }
        var found: [InputEvent] = []
        var line = 1
        var counted = 0
        for node in text.elements(of: text.root) {
            let range = text.range(of: node)
            line += buffer[counted..<range.lowerBound].count { $0 == 0x0a }
            counted = range.lowerBound
            found.append(InputEvent(bytes: text.raw(node), line: line))
        }
        found.reverse()
        elements = found
        buffer = []
    }

    private mutating func nextLine() throws(Failure) -> ([UInt8], Int)? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 0x0a) {
                defer {
                    start = end + 1
                    line += 1
                }
                return (Array(buffer[start..<end]), line)
            }
            searched = buffer.count
            guard buffer.count - start <= Self.eventBytesMax else {
                throw Failure(.failed, "line \(line): longer than 16 MiB")
            }
            if start > 0 {
                buffer.removeFirst(start)
                searched -= start
                start = 0
            }
            guard try fill() else { break }
        }
        guard start < buffer.count else { return nil }
        defer { start = buffer.count }
        return (Array(buffer[start...]), line)
    }

    /// Reads some more; false at the end.
    private mutating func fill() throws(Failure) -> Bool {
        guard !isAtEnd else { return false }
        let piece = try source.read(atMost: 1 << 18)
        isAtEnd = piece.isEmpty
        buffer.append(contentsOf: piece)
        return !isAtEnd
    }
}

/// A file by its path, or standard input.
private final class Source {
    private let files: LinuxFiles?
    private let file: FileHandle?
    private let input = Descriptor(owning: 0)
    private var offset = 0
    let size: Int?

    init(_ path: String) throws(Failure) {
        guard path != "-" else {
            (files, file, size) = (nil, nil, nil)
            return
        }
        let cut = path.lastIndex(of: "/")
        let directory = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = cut.map { String(path[path.index(after: $0)...]) } ?? path
        do {
            let opened = try LinuxFiles(root: directory)
            let handle = try opened.open(name, .read)
            size = try opened.size(handle)
            files = opened
            file = handle
        } catch {
            throw Failure(.failed, "\(Screen.safe(path)) cannot be read")
        }
    }

    func read(atMost count: Int) throws(Failure) -> [UInt8] {
        guard let files, let file else {
            while true {
                if let piece = input.readSome(atMost: count) { return piece }
                _ = input.waitReadable(milliseconds: 1000)
            }
        }
        do throws(FileError) {
            let piece = try files.read(file, at: offset, count: count)
            offset += piece.count
            return piece
        } catch {
            throw Failure(.failed, "the file cannot be read any more")
        }
    }
}
