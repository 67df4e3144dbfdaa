using System.CommandLine;
using System.Net.Sockets;
using System.Text.Json;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.ControlProtocol;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using Google.Protobuf;
using Grpc.Core;
using ControlClient = ACCOffload.Protos.V1.Control.ControlClient;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>inframanager ctl: inspects and repairs the running service.</summary>
internal static class CtlCommand
{
    private const string StartRemedy = "start it (systemctl start inframanager) or specify its socket with --socket";

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);

    // Of requests that read and compare everything.
    private static readonly TimeSpan LongTimeout = TimeSpan.FromMinutes(5);

    public static Command Create(Option<string?> config)
    {
        var socket = new Option<string?>("--socket")
        {
            Description = "Control socket; default: the one in the configuration",
            HelpName = "PATH",
            Recursive = true,
        };
        var json = new Option<bool>("--json") { Description = "Print JSON", Recursive = true };
        var ctl = new Command("ctl", "Inspects and repairs the running service") { socket, json };
        var context = new Context(socket, config, json);

        ctl.Subcommands.Add(Status(context));
        ctl.Subcommands.Add(Endpoints(context));
        ctl.Subcommands.Add(Vports(context));
        ctl.Subcommands.Add(Tables(context));
        ctl.Subcommands.Add(Counters(context));
        ctl.Subcommands.Add(Shares(context));
        ctl.Subcommands.Add(Flows(context));
        ctl.Subcommands.Add(Trace(context));
        ctl.Subcommands.Add(Policy(context));
        ctl.Subcommands.Add(Verify(context));
        ctl.Subcommands.Add(Services(context));
        ctl.Subcommands.Add(Nodes(context));
        ctl.Subcommands.Add(ServiceAdd(context));
        ctl.Subcommands.Add(ServiceRemove(context));
        ctl.Subcommands.Add(EndpointRemove(context));
        ctl.Subcommands.Add(HostReset(context));
        return ctl;
    }

    private sealed record Context(Option<string?> Socket, Option<string?> Config, Option<bool> Json);

    private static Command Status(Context context)
    {
        var wait = new Option<int>("--wait")
        {
            Description = "Wait until pods can be attached and the tables are verified; fail after SECONDS",
            HelpName = "SECONDS",
        };
        var withoutCluster = new Option<bool>("--without-cluster")
        {
            Description = "With --wait: do not wait for the node's pod ranges, which the API server may have to give",
        };
        var command = new Command("status", "Shows the state of the service and its target") { wait, withoutCluster };
        return Query(context, command, async (parsed, client, options) =>
        {
            var reply = parsed.GetValue(wait) is var seconds and > 0
                ? await Readiness.WaitAsync(
                    client, TimeSpan.FromSeconds(seconds), parsed.GetValue(withoutCluster), TimeProvider.System, options.CancellationToken)
                : await client.GetStatusAsync(new GetStatusRequest(), options);
            return new Answer(w => CtlText.Status(w, reply), j => CtlJson.Status(j, reply));
        });
    }

    private static Command Endpoints(Context context) =>
        Query(context, new Command("endpoints", "Shows the endpoints"), async (_, client, options) =>
        {
            var reply = await client.ListEndpointsAsync(new ListEndpointsRequest(), options);
            return new Answer(w => CtlText.Endpoints(w, reply), j => CtlJson.Endpoints(j, reply));
        });

    private static Command Vports(Context context) =>
        Query(context, new Command("vports", "Shows each port's name, MAC, VSI, number and endpoints"), async (_, client, options) =>
        {
            var reply = await client.ListEndpointsAsync(new ListEndpointsRequest(), options);
            return new Answer(w => CtlVports.Text(w, reply), j => CtlVports.Json(j, reply));
        });

    private static Command Nodes(Context context) =>
        Query(context, new Command("nodes", "Shows the paths to the cluster's other nodes, and neighbors"), async (_, client, options) =>
        {
            var reply = await client.ListNodesAsync(new ListNodesRequest(), options);
            return new Answer(w => CtlNodes.Text(w, reply), j => CtlNodes.Json(j, reply));
        });

    private static Command Tables(Context context)
    {
        var name = OptionalArgument("Show only this table");
        var command = new Command("tables", "Shows the table entries read from the target") { name };
        return Query(context, command, async (parsed, client, options) =>
        {
            var reply = await client.ListTablesAsync(new ListTablesRequest { Table = parsed.GetValue(name) ?? "" }, options);
            return new Answer(w => CtlText.Tables(w, reply), j => CtlJson.Tables(j, reply));
        });
    }

    private static Command Counters(Context context)
    {
        var all = new Option<bool>("--all") { Description = "Include counters that are zero" };
        return Query(context, new Command("counters", "Shows the counters read from the target") { all }, async (parsed, client, options) =>
        {
            var reply = await client.ListCountersAsync(new ListCountersRequest(), options);
            return new Answer(w => CtlText.Counters(w, reply, parsed.GetValue(all)), j => CtlJson.Counters(j, reply));
        });
    }

    private static Command Shares(Context context) =>
        Query(context, new Command("shares", "Shows each port's share of the learned tables"), async (_, client, options) =>
        {
            var reply = await client.ListSharesAsync(new ListSharesRequest(), options);
            return new Answer(w => CtlShares.Text(w, reply), j => CtlShares.Json(j, reply));
        });

    private static Command Flows(Context context)
    {
        var flows = new FlowsCommand();
        return Query(context, flows.Create(), async (parsed, client, options) =>
        {
            var reply = await client.ListFlowsAsync(flows.Request(parsed), options);
            return new Answer(w => CtlFlows.Text(w, reply), j => CtlFlows.Json(j, reply));
        });
    }

    private static Command Trace(Context context)
    {
        var packet = new TraceOptions();
        var command = new Command("trace", "Traces a packet through the pipeline without sending it");
        packet.AddTo(command);
        return Query(context, command, async (parsed, client, options) =>
        {
            var endpoints = await client.ListEndpointsAsync(new ListEndpointsRequest(), options);
            var status = await client.GetStatusAsync(new GetStatusRequest(), options);
            var (port, frame) = packet.Build(parsed, endpoints.Endpoints, MacAddress.Parse(status.GatewayMac));
            var reply = await client.TraceAsync(new ControlTraceRequest { Port = port, Packet = ByteString.CopyFrom(frame) }, options);
            return new Answer(w => CtlText.Trace(w, port, frame, reply), j => CtlJson.Trace(j, port, frame, reply));
        });
    }

    private static Command Policy(Context context)
    {
        var policy = new PolicyCommands();
        var command = Query(context, policy.Show(), async (parsed, client, options) =>
        {
            var reply = await client.GetPolicyAsync(policy.ShowRequest(parsed), options);
            return new Answer(w => CtlPolicy.Text(w, reply), j => CtlPolicyJson.Write(j, reply));
        });
        command.Subcommands.Add(Query(context, policy.Why(), async (parsed, client, options) =>
        {
            var reply = await client.ExplainPolicyAsync(policy.WhyRequest(parsed), options);
            return new Answer(w => CtlPolicy.Text(w, reply), j => CtlPolicyJson.Write(j, reply), reply.Disagreement.Length > 0 ? 1 : 0);
        }));
        command.Subcommands.Add(Query(
            context, policy.Try(),
            async (parsed, client, options) =>
            {
                var request = await policy.TryRequestAsync(parsed, Console.In, options.CancellationToken);
                var reply = await client.TryPolicyAsync(request, options);
                return new Answer(w => CtlPolicyTrial.Text(w, reply), j => CtlPolicyTrial.Json(j, reply));
            },
            LongTimeout));
        return command;
    }

    private static Command Verify(Context context) => new("verify", "Compares the target's rows with what they should say")
    {
        Query(
            context, new Command("policy", "Compares the rows of network policy with the policies, on every point"),
            async (_, client, options) =>
            {
                var reply = await client.VerifyPolicyAsync(new VerifyPolicyRequest(), options);
                return new Answer(w => CtlVerify.Text(w, reply), j => CtlVerify.Json(j, reply), reply.Differing > 0 ? 1 : 0);
            },
            LongTimeout),
    };

    private static Command Services(Context context)
    {
        var name = OptionalArgument("Show only this service: NAME or NAMESPACE/NAME");
        var command = new Command("services", "Shows the services with their frontends, backends and packet counts") { name };
        return Query(context, command, async (parsed, client, options) =>
        {
            var reply = await client.ListServicesAsync(new ListServicesRequest { Service = parsed.GetValue(name) ?? "" }, options);
            return new Answer(w => CtlServices.Text(w, reply), j => CtlServices.Json(j, reply));
        });
    }

    private static Command ServiceAdd(Context context)
    {
        var service = new ServiceCommands();
        return Query(context, service.Add(), async (parsed, client, options) =>
        {
            await client.AddServiceAsync(service.AddRequest(parsed), options);
            return new Answer(w => w.WriteLine("service set"), j =>
            {
                j.WriteStartObject();
                j.WriteEndObject();
            });
        });
    }

    private static Command ServiceRemove(Context context)
    {
        var service = new ServiceCommands();
        return Query(context, service.Remove(), async (parsed, client, options) =>
        {
            var reply = await client.RemoveServiceAsync(service.RemoveRequest(parsed), options);
            return new Answer(w => w.WriteLine(reply.Removed ? "service removed" : "no such service"), j =>
            {
                j.WriteStartObject();
                j.WriteBoolean("removed", reply.Removed);
                j.WriteEndObject();
            });
        });
    }

    private static Command EndpointRemove(Context context)
    {
        var repair = new RepairCommands();
        return Query(context, repair.Remove(), async (parsed, client, options) =>
        {
            var reply = await client.RemoveEndpointsAsync(repair.RemoveRequest(parsed), options);
            return new Answer(w => RepairCommands.Text(w, reply, isReset: false), j => RepairCommands.Json(j, reply));
        });
    }

    private static Command HostReset(Context context) => Query(context, RepairCommands.Reset(), async (_, client, options) =>
    {
        var reply = await client.ResetHostAsync(new ResetHostRequest(), options);
        return new Answer(w => RepairCommands.Text(w, reply, isReset: true), j => RepairCommands.Json(j, reply));
    });

    private static Argument<string> OptionalArgument(string description) =>
        new("name") { Description = description, Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "" };

    private sealed record Answer(Action<TextWriter> Text, Action<Utf8JsonWriter> Json, int ExitCode = 0);

    private static Command Query(
        Context context, Command command, Func<ParseResult, ControlClient, CallOptions, Task<Answer>> query, TimeSpan? timeout = null)
    {
        var limit = timeout ?? RequestTimeout;
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var output = parsed.InvocationConfiguration.Output;
            var error = parsed.InvocationConfiguration.Error;
            var socket = "";
            try
            {
                socket = parsed.GetValue(context.Socket) ?? ReadSocket(parsed.GetValue(context.Config));
                using var channel = UnixChannel.Create(socket);
                var options = new CallOptions(deadline: DateTime.UtcNow + limit, cancellationToken: cancellationToken);
                var answer = await query(parsed, new ControlClient(channel), options);
                if (parsed.GetValue(context.Json))
                {
                    CtlJson.Write(output, answer.Json);
                }
                else
                {
                    answer.Text(output);
                }

                return answer.ExitCode;
            }
            catch (RpcException e)
            {
                await error.WriteLineAsync($"inframanager ctl: {Explain(e, socket, limit)}");
                return 1;
            }
            catch (ConfigurationException e)
            {
                await error.WriteLineAsync(e.Message);
                return ConfigurationException.ExitCode;
            }
            catch (CtlException e)
            {
                await error.WriteLineAsync($"inframanager ctl: {e.Message}");
                return 2;
            }
        });
        return command;
    }

    private static string ReadSocket(string? file) =>
        SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), ["Control"]).Control.Socket;

    private static string Explain(RpcException e, string socket, TimeSpan limit)
    {
        if (e.StatusCode == StatusCode.DeadlineExceeded)
        {
            return $"{socket} did not respond within {limit.TotalSeconds:0} s; see the log of inframanager";
        }

        if (Inner<SocketException>(e) is { } refused)
        {
            return refused.SocketErrorCode switch
            {
                SocketError.AccessDenied => $"{socket}: permission denied; run ctl as root",
                SocketError.AddressNotAvailable or SocketError.ConnectionRefused =>
                    $"inframanager does not serve {socket}; {StartRemedy}",
                _ => $"inframanager cannot be reached at {socket} ({refused.Message}); {StartRemedy}",
            };
        }
        return e.StatusCode == StatusCode.Unavailable && e.InnerException is not null
            ? $"{socket} closed the connection; run ctl as root"
            : $"{e.Status.Detail} ({e.StatusCode})";
    }

    private static T? Inner<T>(Exception e)
        where T : Exception
    {
        for (var inner = e.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is T found)
            {
                return found;
            }
        }
        return null;
    }
}

/// <summary>An error that ctl reports in one line.</summary>
internal sealed class CtlException(string message) : Exception(message);
