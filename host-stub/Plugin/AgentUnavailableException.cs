namespace ACCOffload.HostStub.Plugin;

/// <summary>The agent can't be reached, or went away before it answered.</summary>
/// <param name="message">What happened, with the socket's path.</param>
/// <param name="broke">There was a connection and it ended, so that a new one may fare better at once.</param>
internal sealed class AgentUnavailableException(string message, bool broke = false) : Exception(message)
{
    public bool Broke => broke;
}
