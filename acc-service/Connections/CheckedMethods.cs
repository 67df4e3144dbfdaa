using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ACCOffload.Connections;

/// <summary>
/// Binds the methods of a service so that a malformed message is answered with INVALID_ARGUMENT and the name of the message. gRPC's own
/// binding logs a stack trace and answers "Exception was thrown by handler".
/// </summary>
internal sealed class CheckedMethods<[DynamicallyAccessedMembers(CheckedMethods.GrpcNeeds)] TService>(
    Action<ServiceBinderBase> bind) : IServiceMethodProvider<TService>
    where TService : class
{
    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<TService> context) => bind(new Binder(context));

    private sealed class Binder(ServiceMethodProviderContext<TService> context) : ServiceBinderBase
    {
        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler) =>
            context.AddUnaryMethod(Checked(method), [], (_, request, call) =>
            {
                Arrive(call);
                return handler!(request, call);
            });

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler) =>
            context.AddServerStreamingMethod(Checked(method), [], (_, request, stream, call) =>
            {
                Arrive(call);
                return handler!(request, stream, call);
            });

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) =>
            context.AddClientStreamingMethod(Checked(method), [], (_, stream, call) =>
            {
                Arrive(call);
                return handler!(stream, call);
            });

        public override void AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
            context.AddDuplexStreamingMethod(Checked(method), [], (_, requests, responses, call) =>
            {
                Arrive(call);
                return handler!(requests, responses, call);
            });

        private static void Arrive(ServerCallContext call) => call.GetHttpContext().Features.Get<IncomingRequest>()?.Arrive();

        private static Method<TRequest, TResponse> Checked<TRequest, TResponse>(Method<TRequest, TResponse> method)
            where TRequest : class
            where TResponse : class
        {
            var inner = method.RequestMarshaller;
            TRequest Read(DeserializationContext payload)
            {
                try
                {
                    return inner.ContextualDeserializer(payload);
                }
                catch (InvalidProtocolBufferException e)
                {
                    throw new RpcException(new Status(
                        StatusCode.InvalidArgument,
                        $"{typeof(TRequest).Name}: malformed protobuf: {ConfigurationError.OneLine(e.Message, 200)}"));
                }
            }

            return new Method<TRequest, TResponse>(
                method.Type, method.ServiceName, method.Name, new Marshaller<TRequest>(inner.ContextualSerializer, Read),
                method.ResponseMarshaller);
        }
    }
}

/// <summary>Registers services that are bound by <see cref="CheckedMethods{TService}"/>.</summary>
internal static class CheckedMethods
{
    /// <summary>The members of a service's type that gRPC needs under trimming.</summary>
    public const DynamicallyAccessedMemberTypes GrpcNeeds =
        DynamicallyAccessedMemberTypes.PublicConstructors | DynamicallyAccessedMemberTypes.PublicMethods
            | DynamicallyAccessedMemberTypes.NonPublicMethods;

    /// <summary>
    /// Removes gRPC's own binding, which would bind every method a second time; call it after AddGrpc.
    /// </summary>
    public static void RemoveDefaultBinding(IServiceCollection services) => services.RemoveAll(typeof(IServiceMethodProvider<>));

    /// <summary>Adds a service.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="service">The service instance.</param>
    /// <param name="bind">The generated BindService.</param>
    public static void Add<[DynamicallyAccessedMembers(CheckedMethods.GrpcNeeds)] TService>(
        IServiceCollection services, TService service, Action<ServiceBinderBase, TService> bind)
        where TService : class
    {
        services.AddSingleton(service);
        AddMethods(services, bind);
    }

    /// <summary>Adds a service that the container creates.</summary>
    /// <param name="services">The service collection.</param>
    /// <param name="bind">The generated BindService.</param>
    public static void Add<[DynamicallyAccessedMembers(CheckedMethods.GrpcNeeds)] TService>(
        IServiceCollection services, Action<ServiceBinderBase, TService> bind)
        where TService : class
    {
        services.AddSingleton<TService>();
        AddMethods(services, bind);
    }

    private static void AddMethods<[DynamicallyAccessedMembers(CheckedMethods.GrpcNeeds)] TService>(
        IServiceCollection services, Action<ServiceBinderBase, TService> bind)
        where TService : class
        => services.AddSingleton<IServiceMethodProvider<TService>>(
            provider => new CheckedMethods<TService>(binder => bind(binder, provider.GetRequiredService<TService>())));
}
