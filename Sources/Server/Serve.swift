private import Linux

/// `chartlog serve --config FILE`: one replica, in this process.
package enum Serve {
    /// Runs until SIGTERM or a fault; answers the exit code. Called by the first thread before it starts others.
    package static func run(_ configurationPath: String) -> Int32 {
        do throws(ServerError) {
            let configuration = try Configuration.read(configurationPath)
            _ = configuration
            throw ServerError("This build cannot serve yet.")
        } catch {
            Output.complaint("chartlog: \(error.sentence)")
            return error.exitCode
        }
    }
}
