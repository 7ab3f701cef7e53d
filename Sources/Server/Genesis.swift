internal import Files
internal import Keys
internal import Linux
internal import Replica

extension StoreMaker {
    /// Writes the first segment and the key file of one replica into an empty directory.
    static func writeGenesis(
        _ directory: String, _ genesis: GenesisPlan, _ root: SecretKey
    ) throws(ServerError) {
        do {
            var dice = SystemDice()
            try Replica.create(try LinuxFiles(root: directory), plan: genesis, root: root, dice: &dice)
        } catch {
            throw ServerError("The first segment cannot be written: see whether the disk has room.")
        }
    }
}
