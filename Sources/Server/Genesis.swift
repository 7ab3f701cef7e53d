internal import Files
internal import Keys
internal import Linux
internal import Replica

extension StoreMaker {
    /// Writes the first segment and the key file of one replica.
    static func writeGenesis(
        _ directory: String, _ genesis: GenesisPlan, _ root: SecretKey, id: Int
    ) throws(ServerError) {
        throw ServerError("This build cannot write the first segment yet.")
    }
}
