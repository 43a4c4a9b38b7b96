package com.amazonaws.services.lambda.runtime.api.client;

import java.lang.reflect.Method;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/**
 * Stands in for AWS's runtime interface client, under its name: started with a handler, it serves the Runtime API. Its
 * handlers are static methods from text to text, named `Class::method`.
 */
public class AWSLambda {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static final String API = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/";

    public static void main(String[] arguments) throws Exception {
        Method handler;
        try {
            String[] parts = arguments[0].split("::");
            handler = Class.forName(parts[0]).getMethod(parts[1], String.class);
        } catch (ReflectiveOperationException error) {
            post("init/error", fault(error), error.getClass().getName());
            System.exit(1);
            return;
        }
        while (true) {
            HttpResponse<String> next = CLIENT.send(
                HttpRequest.newBuilder(URI.create(API + "invocation/next")).build(), HttpResponse.BodyHandlers.ofString());
            String id = next.headers().firstValue("lambda-runtime-aws-request-id").orElseThrow();
            try {
                post("invocation/" + id + "/response", (String) handler.invoke(null, next.body()), null);
            } catch (ReflectiveOperationException error) {
                Throwable cause = error.getCause() == null ? error : error.getCause();
                post("invocation/" + id + "/error", fault(cause), cause.getClass().getName());
            }
        }
    }

    static String fault(Throwable error) {
        return "{\"errorMessage\": \"" + error.getMessage() + "\", \"errorType\": \"" + error.getClass().getName() + "\"}";
    }

    static void post(String path, String body, String type) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(API + path));
        if (type != null) request.header("Lambda-Runtime-Function-Error-Type", type);
        CLIENT.send(request.POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
    }
}
