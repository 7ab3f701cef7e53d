import Testing

/// What may stand nowhere in the product, and the few places that have leave.
@Suite struct BanTests {
    static let bans: [(what: String, pattern: String, leave: Set<String>, why: String)] = [
        ("try!", #"\btry!"#, [], "handle it, or hand it up"),
        ("fatalError", #"\bfatalError\("#, [], "a bug is a precondition, the world is an error"),
        (
            "@unchecked Sendable", #"@unchecked\s+Sendable"#, ["Sources/Linux/Guarded.swift"],
            "one lock-guarded box is enough"
        ),
        ("nonisolated(unsafe)", #"nonisolated\(unsafe\)"#, [], "share values, not memory"),
        ("Foundation", #"\bimport\s+Foundation"#, [], "its start, memory and JSON are too dear"),
        ("a clock", #"\bDate\(\)|\bContinuousClock\b|\bSuspendingClock\b"#, [], "time is a tick"),
        (
            "chance",
            #"\.random\((in:|using:|\))|\.shuffled\(\)|SystemRandomNumberGenerator"#,
            [], "chance comes through the dice port"
        ),
        (
            "Swift concurrency",
            #"\basync\b|\bawait\b|\bTask\s*[\{\(]|^\s*(package |private |final |distributed )*actor\s+[A-Z]|@MainActor"#,
            [],
            "it cannot be replayed from a seed"
        ),
        (
            "print", #"\bprint\(|\bdebugPrint\(|\bdump\("#, ["chartlog-bench"],
            "a core says nothing, and what the shell says goes through one place"
        ),
        (
            "unsafe", #"\bunsafe\b"#, ["Bytes", "Keys", "Compression", "Linux", "Transport"],
            "pointers live in five rooms"
        ),
    ]

    @Test(arguments: bans.indices) func `the product does without what is banned`(index: Int) throws {
        let ban = Self.bans[index]
        let pattern = try Regex("(?m)" + ban.pattern)
        for file in Tree.swiftFiles(under: "Sources") where !ban.leave.contains(file.room) {
            guard !ban.leave.contains(file.path), file.text.contains(pattern) else { continue }
            for (number, line) in file.lines.enumerated() where Tree.code(line).contains(pattern) {
                Issue.record("\(file.path):\(number + 1) uses \(ban.what): \(ban.why)")
            }
        }
    }

    @Test func `what is left to do carries an issue`() throws {
        let pattern = try Regex(#"\b(TODO|FIXME|XXX)\b"#)
        let named = try Regex(#"\bTODO\(#\d+\)"#)
        for folder in ["Sources", "Tests", "Tools"] {
            for file in Tree.files(under: folder, where: { !$0.contains("__pycache__") && !$0.hasPrefix("TidyTests") })
            {
                guard file.text.contains(pattern) else { continue }
                for (number, line) in file.lines.enumerated() where line.contains(pattern) && !line.contains(named) {
                    Issue.record("\(file.path):\(number + 1): write TODO(#issue), or do it")
                }
            }
        }
    }

    @Test func `a file is at most 500 lines`() {
        for file in Tree.swiftFiles(under: "Sources") + Tree.swiftFiles(under: "Tests") {
            #expect(file.lines.count <= 501, "\(file.path) has become two files")
        }
    }

    @Test func `every type at a door says what it is`() throws {
        let declaration = try Regex(#"^package\s+(final\s+|indirect\s+)*(struct|class|enum|protocol)\s"#)
        for file in Tree.swiftFiles(under: "Sources") {
            for (number, line) in file.lines.enumerated() where line.hasPrefix("package ") {
                guard line.contains(declaration) else { continue }
                var above = number - 1
                while above >= 0, file.lines[above].hasPrefix("@") { above -= 1 }
                let isDocumented = above >= 0 && file.lines[above].hasPrefix("///")
                #expect(isDocumented, "\(file.path):\(number + 1) has no doc comment")
            }
        }
    }

    @Test func `no path of somebody's machine is written down`() throws {
        let pattern = try Regex(#"/(home|Users|work|root|workspace)/\w"#)
        let roots = ["Sources", "Tests", "Tools", ".ci"].flatMap { folder in
            Tree.files(under: folder) { !$0.contains("__pycache__") && !$0.hasSuffix(".ndjson") }
        }
        let top = ["Package.swift", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"].compactMap(Tree.file)
        for file in roots + top where file.text.contains(pattern) {
            for (number, line) in file.lines.enumerated() where line.contains(pattern) {
                Issue.record("\(file.path):\(number + 1) names a path of one machine")
            }
        }
    }

    @Test func `no package is depended on`() throws {
        let manifest = try #require(Tree.file("Package.swift"))
        #expect(!manifest.lines.contains { Tree.code($0).contains(".package(") })
    }
}
