import Bytes
import Linux
import Testing

@Suite struct TreesTests {
    @Test func `a tree goes with all that is in it, and what its links name stays`() throws {
        let top = try Scratch.directory()
        defer { try? Trees.remove(top) }
        let (tree, outside) = ("\(top)/tree", "\(top)/outside")
        for path in [tree, "\(tree)/inner", "\(tree)/inner/empty", outside] { try SmallFile.makeDirectory(path) }
        for path in ["\(tree)/file", "\(tree)/inner/file", "\(outside)/letter"] { try SmallFile.create(path, [1]) }
        for (name, target) in [
            ("link", outside), ("inner/link", "\(outside)/letter"), ("inner/lost", "\(top)/nowhere"),
        ] {
            try Scratch.link("\(tree)/\(name)", to: target)
        }
        #expect(Trees.isThere("\(tree)/inner/lost") && !SmallFile.exists("\(tree)/inner/lost"))
        #expect(Trees.isDirectory(tree) && !Trees.isDirectory("\(tree)/link") && !Trees.isDirectory("\(tree)/file"))
        try Trees.remove(tree)
        #expect(!Trees.isThere(tree))
        #expect(try SmallFile.read("\(outside)/letter") == [1])
        // One that is a link itself.
        try Scratch.link(tree, to: outside)
        try Trees.remove(tree)
        #expect(!Trees.isThere(tree) && SmallFile.exists("\(outside)/letter"))
        #expect(throws: LinuxError.self) { try Trees.remove(tree) }
    }
}
