import java.io.*;
import java.math.BigInteger;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;
import org.apache.velocity.app.event.EventCartridge;
import org.apache.velocity.app.event.ReferenceInsertionEventHandler;

/**
 * Renders mapping templates with Apache Velocity 1.7. A case is lines of a name, a tab and base64, ended by an empty line; the names are
 * `template`, `body`, `header.X`, `query.X`, `path.X`, `context.a.b`, and for what a JSON body holds `json.a.b`, `integer.a.b`,
 * `boolean.a.b`, `fraction.a.b`, and `list.a.b` for a list, which stands before its elements `a.b.0` and so on. The answer is one line: base64 of the rendering, a blank, and the overridden status or a dash.
 */
public class Render {
    static String text(Object value) {
        return value == null ? "" : value.toString();
    }

    /** What API Gateway puts beside the engine: `$util`. */
    public static class Util {
        final Map<String, Object> json;

        Util(Map<String, Object> json) {
            this.json = json;
        }

        public String urlEncode(Object value) throws Exception {
            return URLEncoder.encode(text(value), "UTF-8");
        }

        public String urlDecode(Object value) throws Exception {
            return URLDecoder.decode(text(value), "UTF-8");
        }

        public String base64Encode(Object value) {
            return Base64.getEncoder().encodeToString(text(value).getBytes(StandardCharsets.UTF_8));
        }

        public String base64Decode(Object value) {
            return new String(Base64.getDecoder().decode(text(value)), StandardCharsets.UTF_8);
        }

        public String escapeJavaScript(Object value) {
            return StringEscapeUtils.escapeJavaScript(text(value));
        }

        public Object parseJson(Object value) {
            return json;
        }
    }

    /** `$input`. */
    public static class Input {
        public final String body;
        final Map<String, Object> params;
        final Map<String, Object> json;

        Input(String body, Map<String, Object> params, Map<String, Object> json) {
            this.body = body.isEmpty() ? "{}" : body;
            this.params = params;
            this.json = json;
        }

        public String getBody() {
            return body;
        }

        public Object params() {
            return params;
        }

        public Object params(String name) {
            for (String place : List.of("path", "querystring", "header")) {
                Object found = ((Map<?, ?>) params.get(place)).get(name);
                if (found != null) return found;
            }
            return null;
        }

        public Object path(String path) {
            Object found = json;
            for (String name : path.substring(2).split("\\.")) {
                if (!(found instanceof Map)) return null;
                found = ((Map<?, ?>) found).get(name);
            }
            return found;
        }
    }

    @SuppressWarnings("unchecked")
    static void put(Object tree, String path, Object value) {
        String[] names = path.split("\\.", 2);
        boolean last = names.length == 1;
        Object below = last ? value : new HashMap<String, Object>();
        if (tree instanceof List) {
            List<Object> list = (List<Object>) tree;
            int index = Integer.parseInt(names[0]);
            if (index == list.size()) list.add(below);
            below = list.get(index);
        } else {
            Map<String, Object> map = (Map<String, Object>) tree;
            if (last) map.put(names[0], below);
            else below = map.computeIfAbsent(names[0], name -> new HashMap<String, Object>());
        }
        if (!last) put(below, names[1], value);
    }

    static Object value(String place, String text) {
        switch (place) {
            case "integer": return text.length() < 19 ? (Object) Long.valueOf(text) : new BigInteger(text);
            case "boolean": return Boolean.valueOf(text);
            case "fraction": return Double.valueOf(text);
            case "list": return new ArrayList<Object>();
            default: return text;
        }
    }

    @SuppressWarnings("unchecked")
    static String render(VelocityEngine engine, Map<String, String> given) throws Exception {
        Map<String, Object> params = new HashMap<>(), context = new HashMap<>(), json = new HashMap<>();
        Map<String, Map<String, Object>> trees = new HashMap<>(Map.of("context", context));
        for (String place : List.of("json", "integer", "boolean", "fraction", "list")) trees.put(place, json);
        Map<String, String> places = Map.of("header", "header", "query", "querystring", "path", "path");
        for (String place : places.values()) params.put(place, new HashMap<String, Object>());
        Map<String, Object> override = new HashMap<>();
        context.put("responseOverride", override);
        for (Map.Entry<String, String> each : given.entrySet()) {
            String[] name = each.getKey().split("\\.", 2);
            Object value = value(each.getKey().equals("context.requestTimeEpoch") ? "integer" : name[0], each.getValue());
            if (trees.containsKey(name[0])) put(trees.get(name[0]), name[1], value);
            if (places.containsKey(name[0])) ((Map<String, Object>) params.get(places.get(name[0]))).put(name[1], value);
        }
        VelocityContext names = new VelocityContext();
        names.put("util", new Util(json));
        names.put("input", new Input(given.getOrDefault("body", ""), params, json));
        names.put("context", context);
        names.put("stageVariables", new HashMap<String, Object>());
        // API Gateway renders null as nothing, Velocity by itself as the reference's text.
        EventCartridge events = new EventCartridge();
        events.addReferenceInsertionEventHandler((ReferenceInsertionEventHandler) (reference, value) -> value == null ? "" : value);
        events.attachToContext(names);
        StringWriter written = new StringWriter();
        engine.evaluate(names, written, "template", given.get("template"));
        String status = override.containsKey("status") ? override.get("status").toString() : "-";
        return Base64.getEncoder().encodeToString(written.toString().getBytes(StandardCharsets.UTF_8)) + " " + status;
    }

    public static void main(String[] arguments) throws Exception {
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.init();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        Map<String, String> given = new LinkedHashMap<>();
        for (String line; (line = lines.readLine()) != null; ) {
            if (line.isEmpty()) {
                System.out.println(render(engine, given));
                given.clear();
            } else {
                String[] parts = line.split("\t", -1);
                given.put(parts[0], new String(Base64.getDecoder().decode(parts[1]), StandardCharsets.UTF_8));
            }
        }
    }
}
