import Foundation

/// The repository as text.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct File: Sendable {
        /// Relative to the root.
        let path: String
        let text: String
        let lines: [String]

        /// The target it belongs to, for files under Sources or Tests.
        var room: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    }

    /// Swift files under a folder, sorted by path.
    static func swiftFiles(under folder: String) -> [File] { files(under: folder) { $0.hasSuffix(".swift") } }

    static func files(under folder: String, where keeps: (String) -> Bool) -> [File] {
        let start = root.appending(path: folder)
        let walker = FileManager.default.enumerator(atPath: start.path)
        var paths: [String] = []
        while let next = walker?.nextObject() as? String {
            if keeps(next), !next.contains("/.build") { paths.append("\(folder)/\(next)") }
        }
        return paths.sorted().compactMap(file)
    }

    static func file(_ path: String) -> File? {
        guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else { return nil }
        return File(path: path, text: text, lines: text.components(separatedBy: "\n"))
    }

    /// A line without its comment and without the insides of its string literals, so that only code is judged. Lines
    /// of multi-line strings are judged as code; none of them says anything forbidden.
    static func code(_ line: String) -> String {
        var code = ""
        var isInString = false
        var before: Character = " "
        for character in line {
            if character == "\"", before != "\\" { isInString.toggle() }
            if !isInString {
                if character == "/", before == "/" {
                    code.removeLast()
                    break
                }
                code.append(character)
            }
            before = before == "\\" && character == "\\" ? " " : character
        }
        return code
    }
}
